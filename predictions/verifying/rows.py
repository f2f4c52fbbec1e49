"""Rows of forecasts, signals and gaps against what their entries say, column by column.

The expected rows come from the functions that the recorder stores by.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.models import Exists, Model, OuterRef, Q

from inference.handover.chain import EntryFormatError
from predictions.models import Forecast, LedgerEntry, Signal, SignalGap
from predictions.rows.forecast_rows import FORECAST_FIELDS, TickRows, tick_rows
from predictions.rows.signal_rows import BatchRows, batch_rows
from predictions.verifying.findings import Finding, Findings, Kind, shown
from predictions.verifying.leaves import Leaf, Made
from predictions.verifying.prunings import Prunings

Values = tuple[Any, ...]
UNREADABLE = (ValueError, TypeError, OverflowError, ArithmeticError, DatabaseError)
"""What reading a column raises whose content is not of its type, as SQLite allows."""


def _settled_fields(model: type[Model]) -> tuple[str, ...]:
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if field.attname not in {"id", "leaf_id"}
    )


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row. key: what is unique, the constraint of that name."""

    model: type[Model]
    fields: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.model.__name__

    def key_of(self, values: Values) -> Values:
        named = dict(zip(self.fields, values, strict=True))
        return tuple(named[name] for name in self.key)

    def said_in(self, made: Made) -> list[Values]:
        """Return the rows that an entry says, in the order in which they are stored."""
        if isinstance(made, TickRows):
            return made.values() if self.model is Forecast else []
        rows: Iterable[Model] = ()
        if self.model is Signal:
            rows = made.signals
        elif self.model is SignalGap:
            rows = made.gaps
        return [tuple(getattr(row, name) for name in self.fields) for row in rows]


TABLES = (
    Table(Forecast, FORECAST_FIELDS, ("venue", "tick", "symbol", "model_version")),
    Table(
        Signal,
        _settled_fields(Signal),
        ("venue", "symbol", "timeframe", "candle_open", "model_version", "revision"),
    ),
    Table(
        SignalGap,
        _settled_fields(SignalGap),
        ("venue", "symbol", "timeframe", "candle_open", "reason"),
    ),
)


@dataclass(slots=True)
class RowCheck:
    """Compares the rows under some leaves with what these say."""

    findings: Findings
    prunings: Prunings

    def check(self, leaves: Sequence[Leaf]) -> None:
        """Compare all rows under consecutive leaves."""
        for table in TABLES:
            stored: dict[int, list[Values]] = {leaf.index: [] for leaf in leaves}
            for values in self._stored(table, leaves[0].index, leaves[-1].index):
                stored.setdefault(values[1], []).append(values)
            for leaf in leaves:
                self._check_leaf(table, leaf, stored.pop(leaf.index))
            for values in (each for under in stored.values() for each in under):
                self._inserted(table, values, f"its leaf is {values[1]}")

    def find_orphans(self, size: int) -> None:
        """Name rows of leaves that the log does not have; it had `size` entries at the start."""
        # Rows that come meanwhile come together with their entry: one question sees both.
        entry = LedgerEntry.objects.filter(index=OuterRef("leaf_id"))
        beyond = Q(leaf_id__lt=0) | (Q(leaf_id__gte=size) & ~Exists(entry))
        for table in TABLES:
            outside = table.model._default_manager.filter(beyond)
            for row, leaf in outside.order_by("pk").values_list("pk", "leaf_id"):
                told = f"its leaf is {leaf}, and the log has {size}"
                self.findings.add(Finding(Kind.INSERTED, table.name, str(row), message=told))

    def _check_leaf(self, table: Table, leaf: Leaf, stored: list[Values]) -> None:
        self.findings.checked[table.name] += len(stored)
        if leaf.made is None:
            self._under_no_entry(table, leaf, stored)
            return
        expected = table.said_in(leaf.made)
        if [values[2:] for values in stored] == expected:
            return
        self._match(table, leaf.index, stored, expected)

    def _under_no_entry(self, table: Table, leaf: Leaf, stored: list[Values]) -> None:
        told = f"entry {leaf.index} is not there, or says nothing"
        if stored and leaf.row is not None and leaf.row.packed is None:
            if self.prunings.going_on(leaf.row.engine, leaf.row.venue):
                return
            told = f"entry {leaf.index} was pruned, and all rows with it"
        for values in stored:
            self._inserted(table, values, told)

    def _match(self, table: Table, leaf: int, stored: list[Values], expected: list[Values]) -> None:
        by_key = {table.key_of(values): values for values in expected}
        odd: list[Values] = []
        for values in stored:
            said = by_key.pop(table.key_of(values[2:]), None)
            if said is None:
                odd.append(values)
            else:
                self._compare(table, values, said)
        for key, said in by_key.items():
            self._missing(table, leaf, key, said, odd)
        for values in odd:
            self._inserted(table, values, f"entry {leaf} does not say it")

    def _pruned(self, leaf: int, said: Values) -> bool:
        venue, at_ms = (said[FORECAST_FIELDS.index(name)] for name in ("venue", "prediction_ts"))
        return self.prunings.row_covered(leaf, venue, at_ms)

    def _inserted(self, table: Table, values: Values, told: str) -> None:
        self.findings.add(Finding(Kind.INSERTED, table.name, str(values[0]), message=told))

    def _missing(
        self, table: Table, leaf: int, key: Values, said: Values, odd: list[Values]
    ) -> None:
        name = ", ".join(f"{field}={value}" for field, value in zip(table.key, key, strict=True))
        held = self._elsewhere(table, key)
        if held is not None and held[1] != leaf:
            if _says(table, held[1], key):
                # Two entries said it under one name: the ledger keeps the first, unedited.
                self.findings.count(Kind.REPEATED)
                return
            self.findings.altered(table.name, held[0], "leaf_id", held[1], leaf)
            return
        closest = min(odd, key=lambda values: _distance(values[2:], said), default=None)
        if closest is not None and _distance(closest[2:], said) <= len(said) // 2:
            odd.remove(closest)
            self._compare(table, closest, said)
            return
        if table.model is Forecast and self._pruned(leaf, said):
            self.findings.count(Kind.PRUNED)
            return
        told = f"entry {leaf} says it"
        self.findings.add(Finding(Kind.REMOVED, table.name, name, message=told))

    def _compare(self, table: Table, stored: Values, said: Values) -> None:
        pairs = zip(table.fields, stored[2:], said, strict=True)
        self.findings.compare(
            table.name, stored[0], {name: (is_, expected) for name, is_, expected in pairs}
        )

    def _elsewhere(self, table: Table, key: Values) -> Values | None:
        rows = table.model._default_manager.filter(**dict(zip(table.key, key, strict=True)))
        found: Values | None = rows.order_by().values_list("pk", "leaf_id").first()
        return found

    def _stored(self, table: Table, first: int, last: int) -> Iterator[Values]:
        rows = table.model._default_manager.filter(leaf_id__gte=first, leaf_id__lte=last)
        asked = rows.order_by("leaf_id", "pk").values_list("pk", "leaf_id", *table.fields)
        try:
            yield from list(asked)
        except UNREADABLE:
            yield from self._one_by_one(table, rows.order_by("leaf_id", "pk").values_list("pk"))

    def _one_by_one(self, table: Table, keys: Iterable[tuple[Any]]) -> Iterator[Values]:
        for (key,) in list(keys):
            row = table.model._default_manager.filter(pk=key).order_by()
            found: dict[str, Any] = {}
            for name in ("pk", "leaf_id", *table.fields):
                try:
                    found[name] = row.values_list(name, flat=True).get()
                except UNREADABLE as error:
                    found[name] = Unreadable(shown(str(error)))
            yield tuple(found.values())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a stored value that is not even of its column's type."""

    why: str

    def __repr__(self) -> str:
        return f"unreadable ({self.why})"


def _says(table: Table, index: int, key: Values) -> bool:
    entry = LedgerEntry.objects.filter(index=index, packed__isnull=False).first()
    if entry is None:
        return False
    for read in (tick_rows, batch_rows):
        try:
            made: TickRows | BatchRows = read(entry.stream_id, bytes(entry.packed or b""))
        except EntryFormatError:
            continue
        return key in {table.key_of(values) for values in table.said_in(made)}
    return False


def _distance(stored: Values, said: Values) -> int:
    return sum(one != other for one, other in zip(stored, said, strict=True))
