"""Grading: what the market did by each forecast's target, written beside it once.

Read by the recorder. The price at a target is the mid of the entry of that very tick; where
there is none, the tick's row in the ledger, and then `px:`. What is still open is always found
by a query, so a restart forgets nothing; memory only bounds how far back the query looks. A
price is given up once no entry that was handed out before may still bring it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from django.db.models import Max, Min

from inference.forecasts.outcomes import usable_mids
from predictions.grading.forecast_outcomes import (
    Frame,
    OpenForecast,
    Price,
    Target,
    column,
    frame_of,
    outcomes_of,
    store,
)
from predictions.grading.unstored import Unstored, Waits
from predictions.models import Forecast
from predictions.moments import moment
from predictions.rows.forecast_rows import TickRows

TOLERANCE_MS = 1_000
"""Market time that must pass beyond a target before its tick counts as missing."""

ROWS_A_TIME = 20_000
"""At most so many open forecasts a query; the rest follow in the next."""

RECOVERED_ROWS = 100_000
"""How many of the newest forecasts a start looks through for ungraded ones."""


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
    """What one pass did; it counts once its transaction is committed (`Grader.confirm`).

    outcomes: how many were written; frames: those that pages are to show.
    """

    venue: str
    progress: Progress
    outcomes: int
    frames: list[Frame]

    @property
    def finished(self) -> bool:
        """Whether nothing of the venue is open any more."""
        return self.progress.settled_ms >= self.progress.last_target_ms


@dataclass(slots=True)
class Grader:
    """Grades what is due; keeps the progress of each venue with open forecasts.

    market_ms: tells a venue's time by the clock; None where no clock is known.
    """

    history: PriceHistory
    unstored: Unstored
    market_ms: Callable[[str], float | None] = lambda _: None
    tolerance_ms: int = TOLERANCE_MS
    progress: dict[str, Progress] = field(default_factory=dict)
    _waits: dict[str, Waits] = field(init=False, default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """Venues of which a price that is due may still come with an unstored entry."""
        return [venue for venue, waits in self._waits.items() if waits]

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
        time is past the target by the tolerance and no older entry is left to be stored.
        """
        progress = self._with(venue, ticks, now_ms)
        due_ms = self._come_ms(venue, progress) - self.tolerance_ms
        rows = _open_forecasts(venue, progress.settled_ms, progress.newest_ms)
        prices = {
            Target(tick.tick_ms, symbol): Price("tick", mid)
            for tick in ticks
            for symbol, mid in tick.mids.items()
        }
        missing = {row.target for row in rows if row.target_ts <= due_ms and not row.refusal}
        prices |= self._searched(venue, missing - prices.keys())
        awaited = self._awaited(venue, missing - prices.keys(), {tick.entry_id for tick in ticks})
        # Another recorder may have stored it between the search and the look for what waits.
        prices |= _ledger_prices(venue, missing - prices.keys() - awaited)
        decided = [
            row
            for row in rows
            if row.refusal
            or row.target in prices
            or (row.target_ts <= due_ms and row.target not in awaited)
        ]
        outcomes = outcomes_of(decided, prices)
        store(outcomes)
        if len(rows) == ROWS_A_TIME:
            due_ms = min(due_ms, rows[-1].target_ts - 1)
        due_ms = min([due_ms, *(target.tick_ms - 1 for target in awaited)])
        return Settlement(
            venue=venue,
            progress=replace(progress, settled_ms=max(progress.settled_ms, due_ms)),
            outcomes=len(outcomes),
            frames=[
                frame_of(venue, row, outcome)
                for row, outcome in zip(decided, outcomes, strict=True)
                if row.shown
            ],
        )

    def confirm(self, settlement: Settlement) -> None:
        """Go on from a settlement whose transaction is committed."""
        self.progress[settlement.venue] = settlement.progress

    def forget(self, venue: str) -> None:
        """Drop the progress of a venue where nothing is open any more."""
        del self.progress[venue]
        self._waits.pop(venue, None)

    def _come_ms(self, venue: str, progress: Progress) -> int:
        # An entry may say any time: alone it does not make a target pass.
        market_ms = self.market_ms(venue)
        return progress.newest_ms if market_ms is None else min(progress.newest_ms, int(market_ms))

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
        found = _ledger_prices(venue, missing)
        elsewhere = self.history.mids_at(venue, missing - found.keys())
        return found | {target: Price("px", mid) for target, mid in elsewhere.items()}

    def _awaited(self, venue: str, missing: set[Target], storing: Collection[str]) -> set[Target]:
        waits = self._waits.setdefault(venue, Waits())
        return waits.for_entries(self.unstored, missing, storing)


def _open_forecasts(venue: str, after_ms: int, until_ms: int) -> list[OpenForecast]:
    rows = (
        Forecast.objects.filter(
            venue=venue, target_ts__gt=after_ms, target_ts__lte=until_ms, outcome__isnull=True
        )
        .order_by("target_ts", "id")
        .values_list(*OpenForecast._fields)[:ROWS_A_TIME]
    )
    return [OpenForecast(*row) for row in rows]


def _ledger_prices(venue: str, targets: set[Target]) -> dict[Target, Price]:
    if not targets:
        return {}
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
        column([row[2] for row in rows]),
        column([row[3] for row in rows]),
        [row[4] for row in rows],
    )
    return {
        Target(row[0], row[1]): Price("tick", mid)
        for row, mid in zip(rows, mids.tolist(), strict=True)
        if mid == mid and Target(row[0], row[1]) in targets
    }
