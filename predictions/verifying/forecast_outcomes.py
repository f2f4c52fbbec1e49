"""Outcomes of forecasts, graded again from what the entries say.

The arithmetic is grading's own. Where the price came from the tick at the target, that tick's
entry must say it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, Max, OuterRef

from inference.handover.chain import EntryFormatError
from inference.shadows.shards import LEADERS
from inference.vocabulary import FORECASTS, OutcomeStatus
from predictions.grading.forecast_outcomes import OpenForecast, Outcome, Price, Target, outcomes_of
from predictions.models import Forecast, ForecastOutcome, LedgerEntry
from predictions.rows.forecast_rows import FORECAST_FIELDS, TickRows, tick_rows
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.leaves import Leaf

_SYMBOL = FORECAST_FIELDS.index("symbol")
_GRADED_BY = [FORECAST_FIELDS.index(name) for name in OpenForecast._fields if name != "id"]
NAME = ForecastOutcome.__name__
TICK, PX = "tick", "px"
"""Where a price came from."""

PATIENCE_TICKS = 300
"""So many ticks after its target's, a forecast must have been graded."""

Tick = tuple[str, int]
"""A venue, and market time in ms."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A forecast as its entry says it, and what is stored of its outcome."""

    row: OpenForecast
    tick: TickRows
    key: int
    outcome: Outcome

    @property
    def price(self) -> Price | None:
        mid = self.outcome.target_mid
        return Price(self.outcome.price_from, mid) if isinstance(mid, float) else None

    def graded_before(self, entry: LedgerEntry) -> bool:
        rows = ForecastOutcome.objects.filter(pk=self.key, graded_at__lt=entry.recorded_at)
        return rows.exists()

    def entry_at_target(self) -> LedgerEntry | None:
        number = _tick_at(self.tick, self.row.target_ts)
        if number is None:
            return None
        # The leader's: a version on trial repeats its prices, and may be stored later.
        rows = LedgerEntry.objects.filter(
            engine=FORECASTS, venue=self.tick.venue, shard=LEADERS, number=number
        )
        return rows.order_by("-index").first()


@dataclass(slots=True)
class ForecastOutcomeCheck:
    """Grades again what the forecasts of some leaves came to."""

    findings: Findings
    _newest: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        rows = LedgerEntry.objects.filter(engine=FORECASTS).order_by().values_list("venue")
        self._newest = dict(rows.annotate(newest=Max("number")))

    def check(self, leaves: Sequence[Leaf]) -> None:
        """Compare the outcomes of all forecasts under consecutive leaves."""
        said = self._said(leaves)
        if not said:
            return
        first, last = leaves[0].index, leaves[-1].index
        rows = ForecastOutcome.objects.filter(
            forecast__leaf_id__gte=first, forecast__leaf_id__lte=last
        )
        stored = {
            outcome.forecast_id: (key, outcome)
            for key, *values in rows.order_by().values_list("pk", *Outcome._fields)
            for outcome in (Outcome(*values),)
        }
        mids = self._mids([leaf.made for leaf in leaves if isinstance(leaf.made, TickRows)])
        graded = []
        for forecast, (row, tick) in said.items():
            if forecast in stored:
                graded.append(Graded(row, tick, *stored[forecast]))
            else:
                self._ungraded(row, tick)
        self.findings.checked[NAME] += len(graded)
        for each, expected in _graded_again(graded):
            if each.outcome != expected:
                pairs = zip(Outcome._fields, each.outcome, expected, strict=True)
                columns = {name: (is_, must) for name, is_, must in pairs}
                self.findings.compare(NAME, each.key, columns)
            elif not each.row.refusal:
                at = mids.get((each.tick.venue, each.row.target_ts), {})
                self._check_price(each, at.get(each.row.symbol, ()))

    def find_orphans(self) -> None:
        """Name outcomes of forecasts that are not there."""
        forecasts = Forecast.objects.filter(pk=OuterRef("forecast_id"))
        for row in ForecastOutcome.objects.filter(~Exists(forecasts)).order_by().only("pk"):
            told = "its forecast is not there"
            self.findings.add(Finding(Kind.INSERTED, NAME, str(row.pk), message=told))

    def _said(self, leaves: Sequence[Leaf]) -> dict[int, tuple[OpenForecast, TickRows]]:
        # What the entry says, under the id of the row that holds it.
        made = {leaf.index: leaf.made for leaf in leaves if isinstance(leaf.made, TickRows)}
        rows = Forecast.objects.filter(leaf_id__in=made).order_by()
        by_symbol = {
            leaf: {values[_SYMBOL]: values for values in tick.values()}
            for leaf, tick in made.items()
        }
        found = {}
        for key, leaf, symbol in rows.values_list("pk", "leaf_id", "symbol"):
            values: tuple[Any, ...] | None = by_symbol[leaf].get(symbol)
            if values is not None:
                row = OpenForecast(key, *(values[at] for at in _GRADED_BY))
                found[key] = row, made[leaf]
        return found

    def _check_price(self, each: "Graded", said: Sequence[float]) -> None:
        price = each.price
        if price is not None and price.origin == TICK:
            self._check_tick_price(each, price.mid, said)
        elif price is not None and price.origin != PX:
            self.findings.altered(NAME, each.key, "price_from", price.origin, f"{TICK} or {PX}")
        elif said:
            self._check_passed_over(each, said)
        elif price is not None:
            self.findings.checked["outcomes by px, which is not kept"] += 1

    def _check_tick_price(self, each: "Graded", was: float, said: Sequence[float]) -> None:
        if was in said:
            return
        entry = each.entry_at_target()
        if not said and (entry is None or entry.packed is None):
            self.findings.count(Kind.UNCHECKED)  # removed entries are named themselves
            return
        why = "by the entry of the tick at its target"
        self.findings.altered(NAME, each.key, "target_mid", was, said[0] if said else None, why)

    def _check_passed_over(self, each: "Graded", said: Sequence[float]) -> None:
        # Graded by px or not at all, though the tick at the target has a price.
        entry, outcome = each.entry_at_target(), each.outcome
        if entry is not None and each.graded_before(entry):
            self.findings.count(Kind.UNCHECKED)  # its price came when it was graded already
            return
        why = f"the entry of the tick at its target says {said[0]}"
        field, must = "status", OutcomeStatus.GRADED.value
        if each.price is not None:
            field, must = "price_from", TICK
        self.findings.altered(NAME, each.key, field, getattr(outcome, field), must, why)

    def _ungraded(self, row: OpenForecast, tick: TickRows) -> None:
        due = _tick_at(tick, row.target_ts)
        if due is None or self._newest.get(tick.venue, 0) < due + PATIENCE_TICKS:
            return
        if not Forecast.objects.filter(pk=row.id, outcome__isnull=True).exists():
            return  # graded, or pruned, meanwhile
        told = "its target has long passed"
        self.findings.add(Finding(Kind.REMOVED, NAME, f"of forecast {row.id}", message=told))

    def _mids(self, ticks: Sequence[TickRows]) -> dict[Tick, dict[str, list[float]]]:
        # More than one of a symbol where a tick was said twice: each may have been first.
        found: dict[Tick, dict[str, list[float]]] = {}
        wanted: dict[str, set[int]] = {}
        for tick in ticks:
            due = _tick_at(tick, tick.target_ms)
            if due is not None:
                wanted.setdefault(tick.venue, set()).add(due)
        for venue, numbers in wanted.items():
            entries = LedgerEntry.objects.filter(
                engine=FORECASTS, venue=venue, number__in=numbers, packed__isnull=False
            )
            for stream_id, packed in entries.order_by("index").values_list("stream_id", "packed"):
                try:
                    tick = tick_rows(stream_id, bytes(packed or b""))
                except (EntryFormatError, TypeError):
                    continue  # named where its leaf is checked
                at = found.setdefault((venue, tick.tick_ms), {})
                for symbol, mid in tick.mids.items():
                    at.setdefault(symbol, []).append(mid)
        return found


def _graded_again(graded: Sequence[Graded]) -> Iterator[tuple[Graded, Outcome]]:
    # Many at once, none twice of one target: prices are looked up by that.
    waiting = list(graded)
    while waiting:
        batch: dict[Target, Graded] = {}
        later = []
        for each in waiting:
            if each.row.target in batch:
                later.append(each)
            else:
                batch[each.row.target] = each
        prices = {target: each.price for target, each in batch.items()}
        again = outcomes_of(
            [each.row for each in batch.values()],
            {target: price for target, price in prices.items() if price is not None},
        )
        yield from zip(batch.values(), again, strict=True)
        waiting = later


def _tick_at(tick: TickRows, target_ts: int) -> int | None:
    # Ticks lie on a grid that begins at 0: their number is their time by the period.
    number = tick.logged.number
    if number < 1 or tick.tick_ms % number:
        return None
    period = tick.tick_ms // number
    return None if target_ts % period else target_ts // period
