"""What a prediction was made from, out of the entry that it came in. Read by REST."""

import math

from inference.forecasts.entry import TickEntry
from inference.signals.entry import BatchEntry
from market.candles.vector import INDICATOR_NAMES
from market.hot.vector import FEATURE_NAMES
from predictions.models import Forecast, Signal

Named = dict[str, float | None]


def forecast_features(forecast: Forecast) -> Named | None:
    """Return the 20 features by name, None where void; None for all once the entry is pruned."""
    if forecast.leaf.packed is None:
        return None
    entry = TickEntry.unpack(bytes(forecast.leaf.packed))
    row = entry.features[entry.symbols.index(forecast.symbol)].tolist()
    return {name: _known(value) for name, value in zip(FEATURE_NAMES, row, strict=True)}


def signal_features(signal: Signal) -> Named | None:
    """Return the 14 indicators by name; None once the entry is pruned."""
    if signal.leaf.packed is None:
        return None
    named = (signal.symbol, signal.candle_open, signal.model_version, signal.revision)
    for said in BatchEntry.unpack(bytes(signal.leaf.packed)).signals:
        made = said.signal
        if (made.symbol, made.candle_open_ms, made.model_version, said.revision) == named:
            return {
                name: _known(value)
                for name, value in zip(INDICATOR_NAMES, made.features, strict=True)
            }
    return None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
