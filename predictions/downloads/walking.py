"""Any number of rows, a bounded chunk at a time: newest first, each chunk a query of its own.

A chunk starts where the last one ended, by key and not by offset, so that the last costs what
the first does; no transaction stays open in between, and no cursor on the server.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from predictions.as_of import from_leaf, known_by
from predictions.downloads.columns import Column, Table

CHUNK_ROWS = 1_000
_LEAF = "leaf__"


def chunks(
    queryset: "QuerySet[Any]", table: Table, as_of_ms: int | None = None
) -> Iterator[list[Sequence[Any]]]:
    """Yield chunks of rows, each as one sequence of values a column.

    With as_of_ms, what was not known by then is None.
    """
    reading = _Reading(table, as_of_ms)
    ordered = queryset.order_by(*(f"-{name}" for name in table.order))
    last: tuple[Any, ...] | None = None
    while True:
        page = ordered if last is None else ordered.filter(_after(table.order, last))
        rows = list(page.values_list(*reading.asked)[:CHUNK_ROWS])
        if rows:
            yield reading.columns(rows)
        if len(rows) < CHUNK_ROWS:
            return
        last = rows[-1][: len(table.order)]


def _after(order: Sequence[str], last: Sequence[Any]) -> Q:
    # What an index on the first name can answer, then the rest among its equals.
    after = Q()
    for at in range(len(order)):
        equal = {order[index]: last[index] for index in range(at)}
        after |= Q(**equal, **{f"{order[at]}__lt": last[at]})
    return Q(**{f"{order[0]}__lte": last[0]}) & after


class _Reading:
    def __init__(self, table: Table, as_of_ms: int | None) -> None:
        asked = [each.path for each in table.columns]
        if as_of_ms is not None:
            asked += [each.known_from for each in table.columns if each.known_from]
        # The key comes first, and each path once.
        self.paths = list(dict.fromkeys([*table.order, *asked]))
        self.asked = [
            from_leaf(path.removeprefix(_LEAF)) if path.startswith(_LEAF) else path
            for path in self.paths
        ]
        self._place = {path: index for index, path in enumerate(self.paths)}
        self._columns = table.columns
        self._as_of_ms = as_of_ms

    def columns(self, rows: list[tuple[Any, ...]]) -> list[Sequence[Any]]:
        by_path = list(zip(*rows, strict=True))
        return [self._column(each, by_path) for each in self._columns]

    def _column(self, column: Column, by_path: list[tuple[Any, ...]]) -> Sequence[Any]:
        values = by_path[self._place[column.path]]
        if self._as_of_ms is None or not column.known_from:
            return values
        moments = by_path[self._place[column.known_from]]
        return [
            value if known_by(at_ms, self._as_of_ms) else None
            for value, at_ms in zip(values, moments, strict=True)
        ]
