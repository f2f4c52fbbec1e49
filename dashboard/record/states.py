"""Where a prediction stands: still to be waited for, graded, or not to be graded.

Read by the record's pages. Times are market time in ms; now is None where nobody knows it.
"""

from dataclasses import dataclass

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Direction, OutcomeStatus, SignalResult
from market.candles.timeframes import Timeframe
from predictions.models import Forecast, ForecastOutcome, Signal, SignalOutcome


@dataclass(frozen=True, slots=True)
class State:
    """code: for styles and tests. until_ms: what is counted down to; then the page asks again."""

    code: str
    title: str
    detail: str = ""
    until_ms: int | None = None

    @property
    def pending(self) -> bool:
        return self.code in ("open", "expired", "waiting", "stopped")

    @property
    def due(self) -> bool:
        """Whether its outcome may be there at any moment."""
        return self.code == "waiting"


ELSEWHERE = State(
    "stopped",
    "Waiting for its outcome",
    "another market runs now; it is settled from what is stored once this one runs again or is "
    "known to be over",
)

_RESULTS = {
    SignalResult.TAKE_PROFIT: ("hit", "Target 1 reached"),
    SignalResult.STOP_LOSS: ("miss", "Stop-loss reached"),
    SignalResult.TIMED_OUT: ("flat", "Timed out: neither target nor stop-loss"),
    SignalResult.NO_TRADE: ("flat", "Stayed out"),
}


def horizon_ms(signal: Signal) -> int:
    """Return when the twelve candles after a signal are over."""
    return signal.candle_close + HORIZON_CANDLES * Timeframe(signal.timeframe).ms


def signal_state(signal: Signal, outcome: SignalOutcome | None, now_ms: int | None) -> State:
    """Return where a signal stands."""
    if outcome is not None:
        if outcome.status != OutcomeStatus.GRADED:
            return State("ungradable", "Cannot be graded")
        code, title = _RESULTS[SignalResult(outcome.result)]
        return State(code, title + _missed(outcome))
    if now_ms is None:
        return ELSEWHERE
    end_ms = horizon_ms(signal)
    if now_ms < signal.valid_until_ts and signal.direction != Direction.NO_TRADE:
        return State("open", "Open to enter", "until", signal.valid_until_ts)
    if now_ms < end_ms:
        title = "Expired" if signal.direction != Direction.NO_TRADE else "No trade"
        return State("expired", f"{title}, waiting for its outcome", "known after", end_ms)
    return State("waiting", "Waiting for its outcome", "its time is over; it is being graded")


def _missed(outcome: SignalOutcome) -> str:
    if outcome.result != SignalResult.NO_TRADE:
        return ""
    if outcome.touched == Direction.NO_TRADE:
        return ": no barrier was touched"
    return f": entry {'+' if outcome.touched == Direction.LONG else '−'} 1 R was touched first"


def forecast_state(
    forecast: Forecast, outcome: ForecastOutcome | None, now_ms: int | None
) -> State:
    """Return where a forecast stands."""
    if outcome is not None:
        if outcome.status != OutcomeStatus.GRADED:
            return State("ungradable", "Cannot be graded")
        if outcome.direction_hit is None:
            return State("flat", "Graded: no direction to be right about")
        return (
            State("hit", "Right direction")
            if outcome.direction_hit
            else State("miss", "Wrong direction")
        )
    if now_ms is None:
        return ELSEWHERE
    if now_ms < forecast.target_ts:
        return State("open", "Waiting for its target time", "at", forecast.target_ts)
    return State("waiting", "Waiting for its outcome", "its time is over; it is being graded")
