"""A ledger's table in the admin: read-only, and quick however large it is.

Nothing here counts or scans all rows. Read by `predictions.admin`.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, Min, Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:  # Django's classes take no parameters at run time
    AnyPaginator = Paginator
    AnyModelAdmin = admin.ModelAdmin

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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


class LedgerAdmin(AnyModelAdmin):
    """Read-only: rows are written by the recorder and never changed."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    actions = None
    moments: tuple[str, ...] = ()
    """Fields that hold milliseconds."""

    class Media:
        css = {"all": ("predictions/ledger.css",)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields: Any = super().get_fields(request, obj)
        return [shown_moment(each) if each in self.moments else each for each in fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return LedgerQuerySet(self.model).select_related(*self._related())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _related(self) -> tuple[str, ...]:
        related = self.list_select_related
        return tuple(related) if isinstance(related, list | tuple) else ()


def shown_moment(name: str) -> Callable[[Model], str | None]:
    """Return a column that shows a field of milliseconds as a time in UTC."""

    @admin.display(description=name.removesuffix("_ts").replace("_", " "), ordering=name)
    def moment(row: Model) -> str | None:
        value: int | None = getattr(row, name)
        if value is None:
            return None
        at = (_EPOCH + timedelta(milliseconds=value)).replace(tzinfo=None)
        return f"{at.isoformat(' ', 'milliseconds' if at.microsecond else 'seconds')} UTC"

    moment.__name__ = name
    return moment


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
