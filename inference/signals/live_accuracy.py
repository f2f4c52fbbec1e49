"""How often signals were right so far, as the recorder tells: `live_accuracy` beside a signal.

Written by the recorder's quality chore, read by REST and the pages. Free of NumPy, as signals are.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from inference.signals.signal import Signal
from market.candles.timeframes import Timeframe

Share = Annotated[float, Meta(ge=0, le=1)]


class LiveAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Share of three classes hit by graded signals of one venue: `SYMBOL:TF`, version, share."""

    venue: str
    models: dict[str, dict[str, Share]]

    def of(self, signal: Signal) -> float | None:
        """Return what is measured of the signal's model at its coin and timeframe, or None."""
        if signal.venue != self.venue:
            return None
        return self.models.get(slot(signal.symbol, signal.timeframe), {}).get(signal.model_version)


NOTHING_MEASURED = LiveAccuracy(venue="", models={})
_DECODER = msgspec.json.Decoder(LiveAccuracy)


def slot(symbol: str, timeframe: Timeframe | str) -> str:
    """Return the name of a coin's timeframe."""
    return f"{symbol}:{timeframe}"


def decode_live_accuracy(text: object) -> LiveAccuracy:
    """Read `quality:signals`; what is absent or unreadable is nothing measured."""
    if not isinstance(text, str | bytes):
        return NOTHING_MEASURED
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING_MEASURED
