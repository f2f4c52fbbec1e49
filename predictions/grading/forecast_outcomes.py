"""The outcome of a forecast by the price at its target, as a row and as a frame.

Read by the grading of forecasts, and by `verify_ledger`, which grades again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from inference.forecasts.outcomes import Floats, grade
from inference.vocabulary import OutcomeStatus, Role, Ungradable
from predictions.models import ForecastOutcome
from predictions.rows.insertion import Batch, insert_new

_GRADED, _UNGRADABLE = OutcomeStatus.GRADED.value, OutcomeStatus.UNGRADABLE.value

Frame = dict[str, object]
"""One outcome as pages and sockets get it."""


class Target(NamedTuple):
    """Where a price is asked for."""

    tick_ms: int
    symbol: str


class Price(NamedTuple):
    """A mid, and where it was found: `tick` or `px`."""

    origin: str
    mid: float


class OpenForecast(NamedTuple):
    """What grading needs of an ungraded row."""

    id: int
    symbol: str
    tick: int
    target_ts: int
    late: bool
    mid_price: float | None
    predicted_price: float | None
    lower: float | None
    upper: float | None
    live: bool
    role: str

    @property
    def shown(self) -> bool:
        """Whether pages have it: what a version on trial said they never saw."""
        return self.role != Role.SHADOW

    @property
    def target(self) -> Target:
        return Target(self.target_ts, self.symbol)

    @property
    def refusal(self) -> Ungradable:
        """Why it can never be graded, whatever the price; falsy where it can."""
        if self.late:
            return Ungradable.MADE_TOO_LATE
        if self.predicted_price is None:
            return Ungradable.NO_FORECAST
        return Ungradable.NONE


class Outcome(NamedTuple):
    """A row of ForecastOutcome, but for its time."""

    forecast_id: int
    status: str
    reason: str
    price_from: str = ""
    target_mid: float | None = None
    return_bp: float | None = None
    error_bp: float | None = None
    no_change_error_bp: float | None = None
    direction_hit: bool | None = None
    covered: bool | None = None


def outcomes_of(rows: list[OpenForecast], prices: Mapping[Target, Price]) -> list[Outcome]:
    """Return the outcome of each row by these prices; checking the ledger does the same again."""
    found = [None if row.refusal else prices.get(row.target) for row in rows]
    grades = grade(
        mid=column([row.mid_price for row in rows]),
        predicted=column([row.predicted_price for row in rows]),
        lower=column([row.lower for row in rows]),
        upper=column([row.upper for row in rows]),
        target_mid=column([price.mid if price else None for price in found]),
    )
    columns = (
        _nullable(grades.return_bp),
        _nullable(grades.error_bp),
        _nullable(grades.no_change_error_bp),
        [None if value is None else bool(value) for value in _nullable(grades.direction_hit)],
        [None if value is None else bool(value) for value in _nullable(grades.covered)],
    )
    return [
        Outcome(row.id, _GRADED, "", price.origin, price.mid, *numbers)
        if price is not None
        else Outcome(row.id, _UNGRADABLE, (row.refusal or Ungradable.NO_PRICE_AT_TARGET).value)
        for row, price, *numbers in zip(rows, found, *columns, strict=True)
    ]


def store(outcomes: list[Outcome]) -> None:
    """Insert the outcomes of forecasts that have none, in the caller's transaction."""
    if outcomes:
        columns = dict(zip(Outcome._fields, zip(*outcomes, strict=True), strict=True))
        insert_new(ForecastOutcome, [Batch({"graded_at": datetime.now(UTC)}, columns)])


def column(values: list[float | None]) -> list[float]:
    """Return the values with NaN for what is unknown."""
    return [float("nan") if value is None else value for value in values]


def _nullable(values: Floats) -> list[float | None]:
    return [value if value == value else None for value in values.tolist()]


def frame_of(venue: str, row: OpenForecast, outcome: Outcome) -> Frame:
    """Return what pages and sockets get of one outcome."""
    return {
        "forecast_id": row.id,
        "symbol": row.symbol,
        "venue": venue,
        "live": row.live,
        "tick": row.tick,
        "target_ts": row.target_ts,
        "target_mid": outcome.target_mid,
        "predicted_price": row.predicted_price,
        "mid_price": row.mid_price,
        "direction_hit": outcome.direction_hit,
        "covered": outcome.covered,
        "error_bp": outcome.error_bp,
        "no_change_error_bp": outcome.no_change_error_bp,
        "status": outcome.status,
        "reason": outcome.reason,
    }
