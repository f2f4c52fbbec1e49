"""The signals that stand at this moment, read from `sig:` for snapshots.

Read by the hot state. What is no signal is told as an error, as the API does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from inference.signals.live_accuracy import NOTHING_MEASURED, LiveAccuracy
from inference.signals.signal import decode_state, signal_error
from inference.vocabulary import SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CurrentSignals:
    """In the WebSocket's fields. A symbol may have both: the last signal, and why no newer one."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)


Slot = tuple[str, Timeframe]


def signal_slots(symbols: Sequence[str]) -> list[Slot]:
    return [(symbol, timeframe) for symbol in symbols for timeframe in SIGNAL_TIMEFRAMES]


def signal_keys(symbols: Sequence[str]) -> list[str]:
    return [keys.sig(symbol, timeframe) for symbol, timeframe in signal_slots(symbols)]


def read_signals(
    slots: Iterable[Slot],
    texts: Iterable[str | None],
    accuracy: LiveAccuracy = NOTHING_MEASURED,
) -> CurrentSignals:
    """Decode what the keys of `slots` hold; None where a key is absent."""
    current = CurrentSignals()
    for slot, text in zip(slots, texts, strict=True):
        if text is None:
            continue
        try:
            state = decode_state(text)
        except msgspec.DecodeError as error:
            log.warning("signal_unreadable", symbol=slot[0], error=str(error))
            unreadable = signal_error(*slot, SignalReason.SIGNAL_UNREADABLE, str(error))
            current.errors.append(unreadable.item())
            continue
        if state.signal is not None:
            current.frames.append(state.signal.frame(live_accuracy=accuracy.of(state.signal)))
        if state.error is not None:
            current.errors.append(state.error.item())
    return current
