"""The ledger in the admin, for looking only: what was said and what came true.

Made for large tables: nothing here counts or scans all rows.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, Min, Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from predictions.models import Forecast, ForecastOutcome, Signal, SignalGap

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:  # Django's classes take no parameters at run time
    AnyPaginator = Paginator
    AnyModelAdmin = admin.ModelAdmin

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


@admin.register(Forecast)
class ForecastAdmin(LedgerAdmin):
    list_display = (
        "predicted_at",
        "symbol",
        "venue",
        "live",
        "source",
        "reason",
        "mid_price",
        "predicted_price",
        "confidence",
        "model_version",
        "result",
        "error_bp",
        "direction_hit",
    )
    list_filter = (
        "live",
        "source",
        "reason",
        ("venue", RecentValuesFilter),
        ("symbol", RecentValuesFilter),
        ("model_version", RecentValuesFilter),
    )
    search_fields = ("symbol__istartswith", "venue__istartswith", "model_version__istartswith")
    date_hierarchy = "predicted_at"
    ordering = ("-predicted_at", "-id")
    sortable_by = ("predicted_at",)
    list_select_related = ("outcome",)
    exclude = ("features",)

    @admin.display(description="outcome")
    def result(self, forecast: Forecast) -> str | None:
        outcome = _outcome(forecast)
        return None if outcome is None else outcome.reason or outcome.status

    @admin.display(description="error (bp)")
    def error_bp(self, forecast: Forecast) -> float | None:
        outcome = _outcome(forecast)
        return None if outcome is None or outcome.error_bp is None else round(outcome.error_bp, 3)

    @admin.display(description="direction hit", boolean=True)
    def direction_hit(self, forecast: Forecast) -> bool | None:
        outcome = _outcome(forecast)
        return None if outcome is None else outcome.direction_hit


@admin.register(ForecastOutcome)
class ForecastOutcomeAdmin(LedgerAdmin):
    list_display = (
        "predicted_at",
        "symbol",
        "venue",
        "status",
        "reason",
        "target_mid",
        "price_from",
        "return_bp",
        "error_bp",
        "no_change_error_bp",
        "direction_hit",
        "covered",
    )
    list_filter = (
        "status",
        "reason",
        "direction_hit",
        "covered",
        "forecast__live",
        ("forecast__venue", RecentValuesFilter),
        ("forecast__symbol", RecentValuesFilter),
        ("forecast__source", RecentValuesFilter),
        ("forecast__model_version", RecentValuesFilter),
    )
    search_fields = ("forecast__symbol__istartswith", "forecast__venue__istartswith")
    date_hierarchy = "forecast__predicted_at"
    ordering = ("-forecast__predicted_at", "-forecast_id")
    sortable_by = ()
    list_select_related = ("forecast",)
    raw_id_fields = ("forecast",)

    @admin.display(description="predicted at")
    def predicted_at(self, outcome: ForecastOutcome) -> datetime:
        return outcome.forecast.predicted_at

    @admin.display(description="symbol")
    def symbol(self, outcome: ForecastOutcome) -> str:
        return outcome.forecast.symbol

    @admin.display(description="venue")
    def venue(self, outcome: ForecastOutcome) -> str:
        return outcome.forecast.venue


@admin.register(Signal)
class SignalAdmin(LedgerAdmin):
    list_display = (
        "predicted_at",
        "symbol",
        "timeframe",
        "venue",
        "live",
        "direction",
        "reason",
        "confident",
        "entered",
        "stop",
        "first_target",
        "model_version",
        "revision",
    )
    list_filter = (
        "live",
        "timeframe",
        "direction",
        "reason",
        ("venue", RecentValuesFilter),
        ("symbol", RecentValuesFilter),
        ("model_version", RecentValuesFilter),
    )
    search_fields = ("symbol__istartswith", "venue__istartswith", "model_version__istartswith")
    date_hierarchy = "predicted_at"
    ordering = ("-predicted_at", "-id")
    sortable_by = ("predicted_at",)
    exclude = ("features",)

    @admin.display(description="confidence")
    def confident(self, signal: Signal) -> float:
        return round(signal.confidence, 3)

    @admin.display(description="entry")
    def entered(self, signal: Signal) -> str | None:
        return _price(signal.entry)

    @admin.display(description="stop-loss")
    def stop(self, signal: Signal) -> str | None:
        return _price(signal.stop_loss)

    @admin.display(description="take-profit 1")
    def first_target(self, signal: Signal) -> str | None:
        return _price(signal.take_profit_1)


@admin.register(SignalGap)
class SignalGapAdmin(LedgerAdmin):
    list_display = ("predicted_at", "symbol", "timeframe", "venue", "live", "reason", "message")
    list_filter = (
        "live",
        "timeframe",
        "reason",
        ("venue", RecentValuesFilter),
        ("symbol", RecentValuesFilter),
    )
    search_fields = ("symbol__istartswith", "venue__istartswith")
    date_hierarchy = "predicted_at"
    ordering = ("-predicted_at", "-id")
    sortable_by = ("predicted_at",)


def _price(value: float | None) -> str | None:
    # Coins cost from 1e-5 to 1e5: significant digits, not decimals.
    return None if value is None else f"{value:.6g}"


def _outcome(forecast: Forecast) -> ForecastOutcome | None:
    found: ForecastOutcome | None = getattr(forecast, "outcome", None)
    return found


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
