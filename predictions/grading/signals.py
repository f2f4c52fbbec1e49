"""What became of one signal: its grade, worked out from candles and market time alone.

Read by the recorder's grading, and by whoever grades again to check. No database, no files:
the same signal, candles and fee give the same grade, whenever it is asked for.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple, Self

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Direction, OutcomeStatus, Role, SignalResult, Ungradable
from market.candles.timeframes import Timeframe
from predictions.grading.touching import Barriers, Bars, Path, Touches, touches

PATIENCE_MS = 24 * 3_600_000
"""Market time beyond the horizon for which missing candles may still be imported."""

LATEST_ENTRY_MS = 600_000
"""Up to this long after the close the opens are kept, for whoever enters later."""

_MINUTE_MS = 60_000

BarsOf = Callable[[Timeframe], Bars]
"""Returns the candles of a timeframe around the signals that are graded, none where there are
none. What has not closed by the time it is must not be among them."""


class SaidSignal(NamedTuple):
    """What grading needs of a signal's row, by the names of its columns."""

    id: int
    symbol: str
    timeframe: str
    candle_close: int
    valid_until_ts: int
    direction: str
    entry: float
    risk: float
    stop_loss: float | None
    take_profit_1: float | None
    take_profit_2: float | None
    take_profit_3: float | None
    tp_eta_low_minutes: int | None
    tp_eta_high_minutes: int | None
    late: bool
    role: str

    @property
    def shown(self) -> bool:
        """Whether pages have it: what a version on trial said they never saw."""
        return self.role != Role.SHADOW

    @property
    def end_ms(self) -> int:
        """Return the horizon's end, market time."""
        return self.candle_close + HORIZON_CANDLES * Timeframe(self.timeframe).ms

    @property
    def given_up_ms(self) -> int:
        """Return when missing candles are waited for no more, market time."""
        return self.end_ms + PATIENCE_MS

    @property
    def side(self) -> int:
        return -1 if self.direction == Direction.SHORT else 1

    @property
    def trades(self) -> bool:
        return self.direction != Direction.NO_TRADE

    @property
    def barriers(self) -> Barriers:
        """Return the levels as said; without any, those that would have been said of a LONG."""
        side, entry, risk = self.side, self.entry, self.risk
        stop = entry - side * risk if self.stop_loss is None else self.stop_loss
        said = (self.take_profit_1, self.take_profit_2, self.take_profit_3)
        targets = tuple(price for price in said if price is not None)
        return Barriers(side, stop, targets or (entry + side * risk,))


NotTraded = Callable[[SaidSignal], Ungradable]
"""Returns why a signal's coin was not traded when its path ended, NONE where it was."""


@dataclass(frozen=True, slots=True)
class Grade:
    """The columns of a SignalOutcome, which says what each means."""

    status: str
    known_ts: int
    reason: str = ""
    result: str = ""
    touched: str = ""
    path_timeframe: str = ""
    ended_ts: int | None = None
    entry_gap_bp: float | None = None
    stop_loss_ts: int | None = None
    take_profit_1_ts: int | None = None
    take_profit_2_ts: int | None = None
    take_profit_3_ts: int | None = None
    exit_price: float | None = None
    r_multiple: float | None = None
    r_after_fees: float | None = None
    fee_bp: float | None = None
    tp_minutes: float | None = None
    eta_covered: bool | None = None
    entry_opens: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(cls, outcome: object) -> Self:
        """Return the grade that a SignalOutcome holds."""
        return cls(**{each.name: getattr(outcome, each.name) for each in fields(cls)})

    def columns(self) -> dict[str, Any]:
        return asdict(self)


def grade_signal(
    said: SaidSignal,
    bars: BarsOf,
    *,
    known_ms: float,
    fee_bp: float,
    along: Timeframe | None = None,
    not_traded: NotTraded | None = None,
) -> Grade | None:
    """Grade a signal; None while its horizon is not over, or its candles may still come.

    known_ms: market time by which closed candles are known; infinite where the market is over.
    fee_bp: of entry and of exit each. It goes along the shortest candles that cover the whole
    horizon, none longer than the signal's own; `along` asks for one length instead. Not before
    the horizon's end, and not without its last candle, even where the stop was touched in the
    first: else what ends early would be counted first, and losses before gains. not_traded: asked
    where candles are missing; of a coin that was not traded none are waited for.
    """
    if said.late:
        return Grade(OutcomeStatus.UNGRADABLE, said.valid_until_ts, Ungradable.MADE_TOO_LATE)
    if known_ms < said.end_ms:
        return None
    finer: list[Bars] = []
    for timeframe in path_timeframes(Timeframe(said.timeframe)):
        candles = bars(timeframe)
        if along in (None, timeframe):
            path = candles.whole(said.candle_close, said.end_ms)
            if path is not None:
                touched = touches(path, said.barriers, finer)
                return _graded(said, path, timeframe, touched, fee_bp)
        finer.append(candles)
    reason = Ungradable.NONE if not_traded is None else not_traded(said)
    if reason:
        return Grade(OutcomeStatus.UNGRADABLE, said.end_ms, reason)
    if known_ms >= said.given_up_ms:
        return Grade(OutcomeStatus.UNGRADABLE, said.given_up_ms, Ungradable.PATH_MISSING)
    return None


def path_timeframes(timeframe: Timeframe) -> Sequence[Timeframe]:
    """Return what a signal may be graded along, shortest first."""
    return [each for each in Timeframe if each.ms <= timeframe.ms]


def _graded(
    said: SaidSignal, path: Path, timeframe: Timeframe, touched: Touches, fee_bp: float
) -> Grade:
    first_open = float(path.candles.open[0])
    common: dict[str, Any] = {
        "status": OutcomeStatus.GRADED.value,
        "known_ts": said.end_ms,
        "touched": _touched(said, touched).value,
        "path_timeframe": timeframe.value,
        "entry_gap_bp": 1e4 * math.log(first_open / said.entry),
    }
    reached_ms = touched.target_ts[0]
    first_ms = touched.stop_ts if reached_ms is None else reached_ms
    ended_ms = said.end_ms if first_ms is None else first_ms
    if not said.trades:
        return Grade(**common, result=SignalResult.NO_TRADE.value, ended_ts=ended_ms)
    result, exit_price = _way_out(said, path, touched)
    targets = [*touched.target_ts, None, None][:3]
    earned = said.side * (exit_price - said.entry)
    fees = fee_bp / 1e4 * (said.entry + exit_price)
    minutes = None if reached_ms is None else (reached_ms - said.candle_close) / _MINUTE_MS
    return Grade(
        **common,
        result=result.value,
        ended_ts=ended_ms,
        stop_loss_ts=touched.stop_ts,
        take_profit_1_ts=targets[0],
        take_profit_2_ts=targets[1],
        take_profit_3_ts=targets[2],
        exit_price=exit_price,
        r_multiple=earned / said.risk,
        r_after_fees=(earned - fees) / said.risk,
        fee_bp=fee_bp,
        tp_minutes=minutes,
        eta_covered=_eta_covered(said, minutes),
        entry_opens=_entry_opens(said, path, ended_ms),
    )


def _touched(said: SaidSignal, touched: Touches) -> Direction:
    # The label that training gives, whatever was said; a tie there is NO_TRADE.
    ahead, behind = (
        (Direction.LONG, Direction.SHORT) if said.side > 0 else (Direction.SHORT, Direction.LONG)
    )
    if touched.target_ts[0] is not None:
        return ahead
    if touched.stop_ts is None or touched.tied:
        return Direction.NO_TRADE
    return behind


def _way_out(said: SaidSignal, path: Path, touched: Touches) -> tuple[SignalResult, float]:
    if touched.target_ts[0] is not None:
        return SignalResult.TAKE_PROFIT, said.barriers.targets[0]
    if touched.stop_price is not None:
        return SignalResult.STOP_LOSS, touched.stop_price
    return SignalResult.TIMED_OUT, float(path.candles.close[-1])


def _eta_covered(said: SaidSignal, minutes: float | None) -> bool | None:
    low, high = said.tp_eta_low_minutes, said.tp_eta_high_minutes
    if minutes is None or low is None or high is None:
        return None
    return low <= minutes <= high


def _entry_opens(said: SaidSignal, path: Path, ended_ms: int) -> list[list[float]]:
    # None after a touch: nobody enters what has ended.
    last = -(-LATEST_ENTRY_MS // path.step_ms)
    opens = path.candles.open[: last + 1].tolist()
    until_ms = min(ended_ms, said.valid_until_ts)
    return [
        [number * path.step_ms, price]
        for number, price in enumerate(opens)
        if path.start_ms + number * path.step_ms < until_ms
    ]
