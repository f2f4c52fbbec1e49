"""Signals as the signal loop would make and publish them, for tests."""

from typing import Any

from inference.signals import publisher
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.signal import (
    Signal,
    SignalError,
    SignalState,
    TakeProfit,
    encode_state,
    signal_error,
)
from inference.vocabulary import Direction, Role, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from market.redis_cluster import AnyClient

VENUE = "simulated"

SPECIFIED_FIELDS = {
    "symbol",
    "direction",
    "confidence",
    "probabilities",
    "model_accuracy",
    "prediction_time",
    "valid_until",
    "entry",
    "stop_loss",
    "take_profits",
    "tp_eta_minutes",
}
"""Of one signal in an answer, as the specification names them."""


def signal(
    symbol: str = "BTCUSDT",
    timeframe: Timeframe = Timeframe.M15,
    *,
    at_ms: float,
    direction: Direction = Direction.LONG,
    confidence: float = 0.78,
    **changes: Any,
) -> Signal:
    """Return what was said at `at_ms` (market time) of the candle that had closed last."""
    trades = direction is not Direction.NO_TRADE
    side = -1 if direction is Direction.SHORT else 1
    rest = (1 - confidence) / 2
    probabilities = {each: rest for each in Direction} | {direction: confidence}
    risk = 600.25
    given: dict[str, Any] = {
        "symbol": symbol,
        "timeframe": timeframe,
        "venue": VENUE,
        "live": False,
        "direction": direction,
        "reason": SignalReason.NONE if trades else SignalReason.MODEL_SAYS_NO_TRADE,
        "confidence": confidence,
        "probabilities": tuple(probabilities[each] for each in Direction),
        "entry": 42_500.5,
        "risk": risk,
        "stop_loss": 42_500.5 - side * risk if trades else None,
        "take_profits": tuple(
            TakeProfit(level, 42_500.5 + side * level * risk) for level in (1, 2, 3) if trades
        ),
        "tp_eta_minutes": 45 if trades else None,
        "tp_eta_low_minutes": 15 if trades else None,
        "tp_eta_high_minutes": 150 if trades else None,
        "candle_open_ms": timeframe.last_closed(at_ms),
        "candle_close_ms": timeframe.last_closed(at_ms) + timeframe.ms,
        "provisional": False,
        "made_ms": round(at_ms),
        "model_version": "v1.0.0",
        "model_digest": "d" * 64,
        "role": Role.CHAMPION,
        "model_accuracy": 0.412,
        "threshold": 0.4,
        "features": (0.5,) * 14,
    }
    return Signal(**(given | changes))


def no_signal(
    symbol: str = "BTCUSDT",
    timeframe: Timeframe = Timeframe.M15,
    code: SignalReason = SignalReason.CANDLE_LATE,
) -> SignalError:
    return signal_error(symbol, timeframe, code)


def batch_message(seq: int, *said: Signal | SignalError) -> dict[str, Any]:
    """Return the group message that announces one candle close."""
    first = said[0]
    entry = BatchEntry(
        venue=first.venue if isinstance(first, Signal) else VENUE,
        live=False,
        batch=seq,
        timeframe=first.timeframe,
        made_ms=0,
        missed=0,
        shard=0,
        token=1,
        signals=[Said(each) for each in said if isinstance(each, Signal)],
        gaps=[
            Gap(each.symbol, 0, each.code, each.message)
            for each in said
            if isinstance(each, SignalError)
        ],
    )
    return publisher.batch_message(entry)


def store_state(
    client: AnyClient, signal: Signal | None = None, error: SignalError | None = None
) -> None:
    """Write `sig:` as the signal loop does."""
    for said in (signal, error):
        if said is not None:
            state = encode_state(SignalState(signal=signal, error=error))
            client.set(keys.sig(said.symbol, said.timeframe), state)
