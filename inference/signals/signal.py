"""One signal, and its shape wherever people meet it: `sig:`, REST, WebSocket, CLI, `python -c`.

Read by the service and the loop, which make signals, and by everything that shows them. Free of
NumPy, Polars and ONNX Runtime: the web process imports it.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from inference.vocabulary import SIGNAL_REASON_TEXTS, Direction, Role, SignalReason
from market.candles.timeframes import Timeframe
from market.clock import MADE_UP

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, beyond which no calendar goes."""
_SLACK = 1e-6
MADE_WITHIN = 2
"""Timeframes after its candle's close; an older candle says nothing of now."""

Share = Annotated[float, Meta(ge=0, le=1)]
Price = Annotated[float, Meta(gt=0)]
Minutes = Annotated[int, Meta(ge=0)]
Instant = Annotated[int, Meta(ge=0, le=_LAST_MS)]
"""Bounds that hold wherever a signal is decoded."""


class TakeProfit(msgspec.Struct, frozen=True):
    """One target; level 1 is 1 R away from the entry."""

    level: int
    price: Price


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What was said about one symbol at one candle close. Times are UTC in ms.

    probabilities: SHORT, NO_TRADE, LONG, summing to 1; confidence is the largest, so it may
    belong to a direction that became NO_TRADE `below_threshold`. entry: the last close, given
    for NO_TRADE too; stop_loss, take_profits, tp_eta_* are None (empty) for NO_TRADE.
    tp_eta_low_minutes..tp_eta_high_minutes: 80 % interval of the median `tp_eta_minutes`.
    risk: R = k·ATR14 in quote currency. model_accuracy: out-of-sample, of three classes.
    candle_*: of the candle it was made from; made_ms: market time at which it was computed, at
    its candle's close or, after a start or on demand, later.
    """

    symbol: str
    timeframe: Timeframe
    venue: str
    live: bool
    direction: Direction
    reason: SignalReason
    confidence: Share
    probabilities: tuple[Share, Share, Share]
    entry: Price
    risk: Price
    stop_loss: Price | None
    take_profits: tuple[TakeProfit, ...]
    tp_eta_minutes: Minutes | None
    tp_eta_low_minutes: Minutes | None
    tp_eta_high_minutes: Minutes | None
    candle_open_ms: Instant
    candle_close_ms: Instant
    provisional: bool
    made_ms: Instant
    model_version: str
    model_digest: str
    role: Role
    model_accuracy: Share | None
    threshold: float | None
    features: tuple[float, ...]

    @property
    def prediction_ms(self) -> int:
        """Return the time of the decision: the candle's close, as of which all was known."""
        return self.candle_close_ms

    @property
    def valid_until_ms(self) -> int:
        """Return the end of the time in which entering is still what was predicted."""
        return self.prediction_ms + self.timeframe.ms * 2 // 15

    def expired(self, now_ms: float) -> bool:
        """Return whether entering is no longer what was predicted, at market time now."""
        return now_ms >= self.valid_until_ms

    def item(self, now_ms: float, live_accuracy: float | None = None) -> dict[str, Any]:
        """Return the signal in the specification's fields; `expired` is as of market time now.

        live_accuracy: from the ledger's graded signals, None until measured.
        """
        return self._said(live_accuracy) | {
            "prediction_time": iso(self.prediction_ms),
            "valid_until": iso(self.valid_until_ms),
            "expired": self.expired(now_ms),
            "made_at": iso(self.made_ms),
            "candle_open": iso(self.candle_open_ms),
            "candle_close": iso(self.candle_close_ms),
        }

    def frame(self, seq: int | None = None, live_accuracy: float | None = None) -> dict[str, Any]:
        """Return the signal in the WebSocket's fields: times are integer ms (market time).

        seq: of the batch that it was published in; None in a snapshot, which `sig:` is read for.
        Who shows it compares `valid_until_ts` with market time: a frame lies about a while.
        """
        return self._said(live_accuracy) | {
            "prediction_ts": self.prediction_ms,
            "valid_until_ts": self.valid_until_ms,
            "made_ts": self.made_ms,
            "candle_open_ms": self.candle_open_ms,
            "candle_close_ms": self.candle_close_ms,
            "seq": seq,
        }

    def _said(self, live_accuracy: float | None) -> dict[str, Any]:
        short, no_trade, long = self.probabilities
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "direction": self.direction.value,
            "confidence": self.confidence,
            "probabilities": {"LONG": long, "SHORT": short, "NO_TRADE": no_trade},
            "model_accuracy": self.model_accuracy,
            "live_accuracy": live_accuracy,
            "entry": self.entry,
            "stop_loss": self.stop_loss,
            "take_profits": [
                {"level": target.level, "price": target.price} for target in self.take_profits
            ],
            "tp_eta_minutes": self.tp_eta_minutes,
            "tp_eta_interval_minutes": (
                None
                if self.tp_eta_low_minutes is None
                else [self.tp_eta_low_minutes, self.tp_eta_high_minutes]
            ),
            "provisional": self.provisional,
            "reason": self.reason.value,
            "model_version": self.model_version,
            "model_role": self.role.value,
            "venue": self.venue,
            "live": self.live,
        }


class SignalError(msgspec.Struct, frozen=True, kw_only=True):
    """Why one symbol has no signal for a candle: an entry in `errors`."""

    symbol: str
    timeframe: Timeframe
    code: SignalReason
    message: str

    def item(self) -> dict[str, str]:
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "code": self.code.value,
            "message": self.message,
        }


def signal_error(
    symbol: str, timeframe: Timeframe, code: SignalReason, detail: str = ""
) -> SignalError:
    """Return the error with the code's sentence, and `detail` behind it."""
    text = SIGNAL_REASON_TEXTS[code]
    return SignalError(
        symbol=symbol,
        timeframe=timeframe,
        code=code,
        message=f"{text}: {detail}" if detail else text,
    )


class SignalState(msgspec.Struct, frozen=True, kw_only=True):
    """What `sig:` holds: the last signal and, where the newest candle has none, why.

    Both may be there: an older signal that still stands, and `candle_late` for the newest.
    revision: how many signals were made of that candle before, as it was confirmed or restated.
    over_open_ms: that candle's open where its signal stands no more.
    """

    signal: Signal | None = None
    error: SignalError | None = None
    revision: int = 0
    over_open_ms: int | None = None


_DECODER = msgspec.json.Decoder(SignalState)


def encode_state(state: SignalState) -> bytes:
    """Return `sig:`'s JSON."""
    return msgspec.json.encode(state)


def decode_state(text: bytes | str) -> SignalState:
    """Read `sig:`. Raises msgspec.DecodeError where it is not a signal's state."""
    state = _DECODER.decode(text)
    if state.signal is not None:
        try:
            check(state.signal)
        except ValueError as error:
            raise msgspec.ValidationError(str(error)) from error
    return state


def check(signal: Signal) -> None:
    """Raise ValueError where fields that are in bounds contradict each other."""
    timeframe, made_after = signal.timeframe, signal.made_ms - signal.candle_close_ms
    if signal.candle_open_ms % timeframe.ms or signal.candle_close_ms != (
        signal.candle_open_ms + timeframe.ms
    ):
        raise ValueError(f"candle_open_ms and candle_close_ms are no {timeframe} candle's")
    if not 0 <= made_after <= MADE_WITHIN * timeframe.ms:
        raise ValueError("made_ms lies before the candle's close, or long after it")
    if abs(sum(signal.probabilities) - 1) > _SLACK:
        raise ValueError("the probabilities do not sum to 1")
    if abs(max(signal.probabilities) - signal.confidence) > _SLACK:
        raise ValueError("confidence is not the largest of the probabilities")
    if signal.live and signal.venue.startswith(MADE_UP):
        raise ValueError(f"{signal.venue} is no live market")


def iso(time_ms: float) -> str:
    """Return UTC ms as ISO 8601 with +00:00; milliseconds only where there are any."""
    moment = _EPOCH + timedelta(milliseconds=round(time_ms))
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
