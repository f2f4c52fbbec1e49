"""The admin's questions to tables of any size, answered without counting or scanning all rows.

Read by `predictions.admin.reading`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, Min, Model, QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:  # Django's class takes no parameters at run time
    AnyPaginator = Paginator

COUNTED_ROWS = 10_000
"""The admin's pages go this deep; older rows are reached through date and filters."""

RECENT_ROWS = 10_000
"""A filter offers the values that the newest rows have."""


class BoundedPaginator(AnyPaginator):
    """Counts no further than COUNTED_ROWS."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[:COUNTED_ROWS].count()
        return counted


class LedgerQuerySet(QuerySet[Any]):
    """Answers the date hierarchy's questions from the ends of the index on time."""

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        # MIN and MAX over a join or together make SQLite read everything; the first row by
        # an index is the same answer.
        if args or not all(isinstance(asked, Min | Max) for asked in kwargs.values()):
            return super().aggregate(*args, **kwargs)
        return {
            name: self._end(asked.get_source_expressions()[0].name, isinstance(asked, Max))
            for name, asked in kwargs.items()
        }

    def datetimes(self, field_name: str, kind: str, *args: Any, **kwargs: Any) -> Any:
        first, last = self._end(field_name, False), self._end(field_name, True)
        return [] if first is None else list(_periods(first, last, kind))

    def _end(self, field_name: str, newest: bool) -> Any:
        order = f"-{field_name}" if newest else field_name
        return self.order_by(order).values_list(field_name, flat=True).first()


class RecentValuesFilter(admin.AllValuesFieldListFilter):
    """The values of a field among the newest rows."""

    def __init__(self, field: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(field, *arguments, **named)
        owner: type[Model] = field.model
        newest = owner._default_manager.order_by("-pk").values_list(field.name, flat=True)
        self.lookup_choices: Any = sorted(set(newest[:RECENT_ROWS]))


def _periods(first: datetime, last: datetime, kind: str) -> Iterable[datetime]:
    moment = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind != "day":
        moment = moment.replace(day=1)
    if kind == "year":
        moment = moment.replace(month=1)
    while moment <= last:
        yield moment
        if kind == "day":
            moment += timedelta(days=1)
        elif kind == "month":
            moment = (moment + timedelta(days=31)).replace(day=1)
        else:
            moment = moment.replace(year=moment.year + 1)
