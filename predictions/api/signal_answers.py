"""Answers of `/api/predictions`, encoded once for as long as nothing in them changes.

Read by the views. All but the envelope's `timestamp` is kept, and the ETag speaks of that.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from inference.signals.signal import Signal, iso
from inference.vocabulary import Direction, SignalReason
from market.candles.timeframes import Timeframe
from predictions.api.signal_board import Contents, Slot

MOST_ANSWERS = 256
"""Kept of one reading; `symbols=` allows more than anyone needs."""

_OPENING = b'{"status":"success","timestamp":"'

Envelope = dict[str, Any]
Wrap = Callable[[list[Signal]], Envelope]


@dataclass(frozen=True, slots=True)
class Answer:
    """One body without its `timestamp`, for market times from_ms ≤ now < until_ms."""

    etag: str
    rest: bytes
    from_ms: float
    until_ms: float

    def body(self, now_ms: float) -> bytes:
        return b"".join((_OPENING, iso(now_ms).encode(), b'",', self.rest))


def list_answer(
    contents: Contents, timeframe: Timeframe, symbols: tuple[str, ...], now_ms: float
) -> Answer:
    """Return the answer about some symbols at one timeframe."""
    slots = [(symbol, timeframe) for symbol in symbols]
    key = (timeframe, symbols)
    return _kept(contents, key, slots, lambda _: {"timeframe": timeframe.value}, now_ms)


def summary_answer(
    contents: Contents, symbol: str, timeframes: Sequence[Timeframe], now_ms: float
) -> Answer:
    """Return the answer about one symbol at several timeframes, and how far they agree."""
    slots = [(symbol, timeframe) for timeframe in timeframes]

    def wrap(signals: list[Signal]) -> Envelope:
        direction, share = agreement([signal.direction for signal in signals if _can_call(signal)])
        return {"symbol": symbol, "agreement": share, "agreed_direction": direction}

    return _kept(contents, symbol, slots, wrap, now_ms)


def agreement(directions: Sequence[Direction]) -> tuple[Direction | None, float | None]:
    """Return the more frequent of LONG and SHORT, and its share of all that were said.

    Equally many: no direction, but the share that each has. None says either: both are None.
    """
    counts = Counter(each for each in directions if each is not Direction.NO_TRADE)
    if not counts:
        return None, None
    (first, most), *others = counts.most_common()
    tied = any(count == most for _, count in others)
    return None if tied else first, most / len(directions)


def _can_call(signal: Signal) -> bool:
    return signal.reason is not SignalReason.NO_SKILL_SHOWN


def _kept(
    contents: Contents, key: object, slots: Sequence[Slot], wrap: Wrap, now_ms: float
) -> Answer:
    kept: Answer | None = contents.answers.get(key)
    if kept is not None and kept.from_ms <= now_ms < kept.until_ms:
        return kept
    if len(contents.answers) >= MOST_ANSWERS:
        contents.answers.clear()
    made = contents.answers[key] = _made(contents, slots, wrap, now_ms)
    return made


def _made(contents: Contents, slots: Sequence[Slot], wrap: Wrap, now_ms: float) -> Answer:
    states = [contents.states[slot] for slot in slots]
    signals = [state.signal for state in states if state.signal is not None]
    ends = [signal.valid_until_ms for signal in signals]
    rest = orjson.dumps(
        wrap(signals)
        | {
            "count": len(signals),
            "predictions": [
                signal.item(now_ms, contents.accuracy.of(signal)) for signal in signals
            ],
            "errors": [state.error.item() for state in states if state.error is not None],
            "venue": contents.venue,
            "live": contents.live,
        }
    )[1:]
    digest = hashlib.blake2b(rest, digest_size=16).hexdigest()
    return Answer(
        etag=f'W/"{digest}"',
        rest=rest,
        from_ms=max((end for end in ends if end <= now_ms), default=-math.inf),
        until_ms=min((end for end in ends if end > now_ms), default=math.inf),
    )
