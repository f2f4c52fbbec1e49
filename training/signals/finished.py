"""Fitted networks at rest: one folder a split, in the specification's layout plus a card.

`train_signals` writes them, the protocol reads them. A fit is only taken where its key still
fits: another dataset, other rows or other options make another key.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inference.artefacts.errors import ArtefactError
from inference.artefacts.scaler import read_scaler
from inference.artefacts.signal_manifest import SCALER_NAME, TORCH_NAME
from inference.artefacts.torch_import import load_network
from market.candles.indicators import INDICATOR_NAMES
from market.candles.series import Integers
from market.candles.timeframes import Timeframe
from training.recordings import TrainingDataError
from training.signals.datasets import SignalDataset
from training.signals.fitted import EpochNote, FittedNetwork
from training.signals.options import FitOptions
from training.signals.windows import Scaling

CARD_NAME = "fit.json"
NetworkFit = Callable[[SignalDataset, Integers, str], FittedNetwork]


def fit_key(dataset: SignalDataset, rows: Integers, options: FitOptions) -> str:
    """Return the digest of all that decides a fit's weights, but for the code.

    Whoever changes how networks are fitted trains with --no-resume.
    """
    digest = hashlib.sha256(dataset.digest.encode())
    digest.update(json.dumps([dataset.timeframe, dataset.symbols, options.as_record()]).encode())
    for column in (rows, dataset.end_row[rows], dataset.symbol[rows], dataset.label[rows]):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def fit_folder(folder: Path, timeframe: Timeframe, split: str) -> Path:
    """Return where the network of a split lies."""
    return folder / timeframe / split


def write_fit(folder: Path, fitted: FittedNetwork, key: str, options: FitOptions) -> None:
    """Write a network that is ready; its card goes last."""
    card = folder / CARD_NAME
    card.unlink(missing_ok=True)
    fitted.save(folder)
    content = {
        "key": key,
        "options": options.as_record(),
        "candles": fitted.scaling.candles,
        "samples_per_s": fitted.samples_per_s,
        "passes": [asdict(note) for note in fitted.history],
    }
    draft = card.with_name(f"{card.name}.tmp")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(card)


def read_fit(folder: Path, key: str) -> FittedNetwork | None:
    """Return the stored network, or None where there is none with this key."""
    try:
        card = json.loads((folder / CARD_NAME).read_bytes())
        if card["key"] != key:
            return None
        state = load_network(folder / TORCH_NAME).state_dict()
        scaler = read_scaler(folder / SCALER_NAME, INDICATOR_NAMES)
        history = tuple(EpochNote(**note) for note in card["passes"])
        if scaler.subtract is None or scaler.divide is None:
            return None
        mean, scale = scaler.subtract.astype(np.float64), scaler.divide.astype(np.float64)
        scaling = Scaling(mean, scale, card["candles"])
        return FittedNetwork(state, scaling, history, card["samples_per_s"])
    except (OSError, ValueError, KeyError, TypeError, ArtefactError):
        return None


def stored_networks(folder: Path, options: FitOptions) -> NetworkFit:
    """Return a "fit" that takes what `train_signals` left in `folder`.

    It raises TrainingDataError where a split's network is missing or of another dataset.
    """

    def fit(dataset: SignalDataset, rows: Integers, split: str) -> FittedNetwork:
        place = fit_folder(folder, dataset.timeframe, split)
        found = read_fit(place, fit_key(dataset, rows, options))
        if found is None:
            raise TrainingDataError(
                f"{place} holds no network of this dataset and these options: run"
                f" train_signals --timeframe {dataset.timeframe}"
            )
        return found

    return fit
