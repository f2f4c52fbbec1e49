"""What graded signals tell of their models, as the recorder measured: beside every message.

Read by the alerts' process from `quality:signals`. Nothing is known where it is absent.
"""

from typing import Any

import msgspec

from inference.signals.live_accuracy import slot
from predictions.models import Signal


class Record(msgspec.Struct, frozen=True):
    """How often signals that entered came true, n of them, over all coins of a timeframe."""

    n: int
    hit_n: int = 0
    hit_rate: float | None = None


class OfModel(msgspec.Struct, frozen=True):
    """One model version at one timeframe."""

    quality: Record


class Measured(msgspec.Struct, frozen=True):
    """The part of `quality:signals` that messages tell."""

    venue: str = ""
    models: dict[str, dict[str, float]] = {}
    timeframes: dict[str, dict[str, OfModel]] = {}

    def accuracy_of(self, signal: Signal) -> float | None:
        """Return the share of three classes hit by the coin's model, None until measured."""
        if signal.venue != self.venue:
            return None
        coin = self.models.get(slot(signal.symbol, signal.timeframe), {})
        return coin.get(signal.model_version)

    def record_of(self, signal: Signal) -> dict[str, Any] | None:
        """Return n, hit_n and hit_rate of the model at the timeframe; None where unknown."""
        found = self.timeframes.get(signal.timeframe, {}).get(signal.model_version)
        if found is None or signal.venue != self.venue:
            return None
        return msgspec.structs.asdict(found.quality)


NOTHING_MEASURED = Measured()
_DECODER = msgspec.json.Decoder(Measured)


def decode_measured(text: object) -> Measured:
    """Read `quality:signals`; what is absent or unreadable is nothing measured."""
    if not isinstance(text, str | bytes):
        return NOTHING_MEASURED
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING_MEASURED
