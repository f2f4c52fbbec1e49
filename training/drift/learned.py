"""The sketches of what a model learned from, as shipping lays them beside its network."""

import numpy as np

from inference.artefacts.versions import Slot
from inference.vocabulary import FORECASTS, SIGNALS
from training.drift.inputs import forecast_inputs, input_names
from training.drift.references import POOLED, sketched
from training.drift.sketches import Sketch
from training.forecast_datasets import ForecastDataset
from training.signals.datasets import SignalDataset


def forecast_sketches(dataset: ForecastDataset) -> dict[str, dict[str, Sketch]]:
    """Return the sketches of every symbol's inputs."""
    names = input_names(Slot(FORECASTS))
    decisions = dataset.decisions
    found = {}
    for index, symbol in enumerate(dataset.symbols):
        mine = dataset.symbol == index
        inputs = forecast_inputs(decisions.features[mine])
        found[symbol] = sketched(names, inputs, decisions.decided_ms[mine])
    return found


def signal_sketches(dataset: SignalDataset) -> dict[str, dict[str, Sketch]]:
    """Return the sketches of the indicators at every decision, all coins pooled."""
    names = input_names(Slot(SIGNALS, dataset.timeframe))
    inputs = dataset.indicators[dataset.end_row].astype(np.float64)
    return {POOLED: sketched(names, inputs, dataset.decided_ms)}
