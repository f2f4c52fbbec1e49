"""Grading: what the market did by each forecast's target, written beside it once.

Read by the recorder. The price at a target is the mid of the entry of that very tick; where
there is none, the tick's row in the ledger, and then `px:`. What is still open is always found
by a query, so a restart forgets nothing; memory only bounds how far back the query looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from django.db.models import Max, Min

from inference.forecasts.outcomes import Floats, grade, usable_mids
from inference.vocabulary import OutcomeStatus, Ungradable
from predictions.models import Forecast, ForecastOutcome
from predictions.moments import moment
from predictions.recording.forecast_rows import TickRows
from predictions.recording.insertion import Batch, insert_new

TOLERANCE_MS = 1_000
"""Market time that must pass beyond a target before its tick counts as missing."""

ROWS_A_TIME = 20_000
"""At most so many open forecasts a query; the rest follow in the next."""

RECOVERED_ROWS = 100_000
"""How many of the newest forecasts a start looks through for ungraded ones."""

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


class PriceHistory(Protocol):
    """Mids by market time, for targets whose tick is missing."""

    def mids_at(self, venue: str, targets: Iterable[Target]) -> dict[Target, float]: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one venue is graded: all targets to `settled_ms`; none lies past `last_target_ms`.

    newest_ms: the greatest market time that is known to have come.
    """

    settled_ms: int
    last_target_ms: int
    newest_ms: int

    def join(self, *, first_ms: int, last_ms: int, newest_ms: int) -> "Progress":
        # An entry that another recorder left behind may come after its target was passed.
        return Progress(
            settled_ms=min(self.settled_ms, first_ms - 1),
            last_target_ms=max(self.last_target_ms, last_ms),
            newest_ms=max(self.newest_ms, newest_ms),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one pass did; it counts once its transaction is committed (`Grader.confirm`)."""

    venue: str
    progress: Progress
    frames: list[Frame]

    @property
    def finished(self) -> bool:
        """Whether nothing of the venue is open any more."""
        return self.progress.settled_ms >= self.progress.last_target_ms


@dataclass(slots=True)
class Grader:
    """Grades what is due; keeps the progress of each venue with open forecasts."""

    history: PriceHistory
    tolerance_ms: int = TOLERANCE_MS
    progress: dict[str, Progress] = field(default_factory=dict)

    def recover(self) -> None:
        """Find the venues that an earlier recorder left with ungraded forecasts."""
        newest = Forecast.objects.aggregate(id=Max("id"))["id"] or 0
        left = (
            Forecast.objects.filter(id__gt=newest - RECOVERED_ROWS, outcome__isnull=True)
            .order_by()
            .values("venue")
            .annotate(first=Min("target_ts"), last=Max("target_ts"), tick=Max("prediction_ts"))
        )
        for row in left:
            self.progress[row["venue"]] = Progress(row["first"] - 1, row["last"], row["tick"])

    def settle(
        self, venue: str, ticks: Sequence[TickRows] = (), *, now_ms: int | None = None
    ) -> Settlement:
        """Write the outcomes that are due, in the caller's transaction.

        ticks: those just stored, in order. now_ms: market time, where no entry says it.
        A forecast is graded at once where its price is there; where it is not, once market
        time is past the target by the tolerance.
        """
        progress = self._with(venue, ticks, now_ms)
        due_ms = progress.newest_ms - self.tolerance_ms
        rows = _open_forecasts(venue, progress.settled_ms, progress.newest_ms)
        prices = {
            Target(tick.tick_ms, symbol): Price("tick", mid)
            for tick in ticks
            for symbol, mid in tick.mids.items()
        }
        missing = {row.target for row in rows if row.target_ts <= due_ms and not row.refusal}
        prices |= self._searched(venue, missing - prices.keys())
        decided = [
            row for row in rows if row.target_ts <= due_ms or row.refusal or row.target in prices
        ]
        outcomes = outcomes_of(decided, prices)
        _store(outcomes)
        if len(rows) == ROWS_A_TIME:
            due_ms = min(due_ms, rows[-1].target_ts - 1)
        return Settlement(
            venue=venue,
            progress=replace(progress, settled_ms=max(progress.settled_ms, due_ms)),
            frames=[
                _frame(venue, row, outcome) for row, outcome in zip(decided, outcomes, strict=True)
            ],
        )

    def confirm(self, settlement: Settlement) -> None:
        """Go on from a settlement whose transaction is committed."""
        self.progress[settlement.venue] = settlement.progress

    def _with(self, venue: str, ticks: Sequence[TickRows], now_ms: int | None) -> Progress:
        progress = self.progress.get(venue)
        for tick in ticks:
            if progress is None:
                progress = Progress(tick.target_ms - 1, tick.target_ms, tick.tick_ms)
            progress = progress.join(
                first_ms=tick.target_ms, last_ms=tick.target_ms, newest_ms=tick.tick_ms
            )
        if progress is None:
            raise KeyError(f"nothing is known of venue {venue!r}")
        if now_ms is not None:
            progress = replace(progress, newest_ms=max(progress.newest_ms, now_ms))
        return progress

    def _searched(self, venue: str, missing: set[Target]) -> dict[Target, Price]:
        if not missing:
            return {}
        stored = _ledger_mids(venue, missing)
        found = {target: Price("tick", mid) for target, mid in stored.items()}
        elsewhere = self.history.mids_at(venue, missing - stored.keys())
        return found | {target: Price("px", mid) for target, mid in elsewhere.items()}


def _open_forecasts(venue: str, after_ms: int, until_ms: int) -> list[OpenForecast]:
    rows = (
        Forecast.objects.filter(
            venue=venue, target_ts__gt=after_ms, target_ts__lte=until_ms, outcome__isnull=True
        )
        .order_by("target_ts", "id")
        .values_list(*OpenForecast._fields)[:ROWS_A_TIME]
    )
    return [OpenForecast(*row) for row in rows]


def _ledger_mids(venue: str, targets: set[Target]) -> dict[Target, float]:
    rows = list(
        Forecast.objects.filter(
            venue=venue,
            symbol__in={target.symbol for target in targets},
            # Not by prediction_ts: this one has the index, and that holds the same.
            predicted_at__in={moment(at.tick_ms) for at in targets},
            mid_price__isnull=False,
        )
        .order_by("id")
        .values_list("prediction_ts", "symbol", "mid_price", "features_age_ms", "reason")
    )
    mids = usable_mids(
        _column([row[2] for row in rows]),
        _column([row[3] for row in rows]),
        [row[4] for row in rows],
    )
    return {
        Target(row[0], row[1]): mid
        for row, mid in zip(rows, mids.tolist(), strict=True)
        if mid == mid and Target(row[0], row[1]) in targets
    }


def outcomes_of(rows: list[OpenForecast], prices: Mapping[Target, Price]) -> list[Outcome]:
    """Return the outcome of each row by these prices; checking the ledger does the same again."""
    found = [None if row.refusal else prices.get(row.target) for row in rows]
    grades = grade(
        mid=_column([row.mid_price for row in rows]),
        predicted=_column([row.predicted_price for row in rows]),
        lower=_column([row.lower for row in rows]),
        upper=_column([row.upper for row in rows]),
        target_mid=_column([price.mid if price else None for price in found]),
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


def _store(outcomes: list[Outcome]) -> None:
    if outcomes:
        columns = dict(zip(Outcome._fields, zip(*outcomes, strict=True), strict=True))
        insert_new(ForecastOutcome, [Batch({"graded_at": datetime.now(UTC)}, columns)])


def _column(values: list[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _nullable(values: Floats) -> list[float | None]:
    return [value if value == value else None for value in values.tolist()]


def _frame(venue: str, row: OpenForecast, outcome: Outcome) -> Frame:
    return {
        "symbol": row.symbol,
        "venue": venue,
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
