"""Forecasts in the admin, and what came true."""

from datetime import datetime
from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from predictions.admin.marks import forecast_mark, late_mark, link, price, proof_link, rounded
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.downloads.tables import FORECASTS
from predictions.models import Forecast, ForecastOutcome


@admin.register(Forecast)
class ForecastAdmin(LedgerAdmin):
    list_display = (
        "predicted_at",
        "symbol",
        "venue",
        "live",
        "source",
        "reason",
        "confident",
        "mid",
        "predicted",
        "model_version",
        "result",
        "error_bp",
        "page",
        "proof",
    )
    list_filter = (
        "live",
        "late",
        "role",
        "source",
        "reason",
        "outcome__status",
        "outcome__direction_hit",
        ("venue", RecentValuesFilter),
        ("symbol", RecentValuesFilter),
        ("model_version", RecentValuesFilter),
    )
    search_fields = ("symbol__istartswith", "venue__istartswith", "model_version__istartswith")
    date_hierarchy = "predicted_at"
    ordering = ("-predicted_at", "-id")
    sortable_by = ("predicted_at",)
    list_select_related = ("outcome",)
    raw_id_fields = ("leaf",)
    table = FORECASTS
    moments = ("prediction_ts", "target_ts", "made_ts", "feature_ts", "event_ts", "exchange_ts")

    @admin.display(description="mid")
    def mid(self, forecast: Forecast) -> str | None:
        return price(forecast.mid_price, 8)

    @admin.display(description="predicted")
    def predicted(self, forecast: Forecast) -> str | None:
        return price(forecast.predicted_price, 8)

    @admin.display(description="conf.")
    def confident(self, forecast: Forecast) -> float | None:
        return rounded(forecast.confidence)

    @admin.display(description="outcome")
    def result(self, forecast: Forecast) -> SafeString | None:
        return late_mark(forecast.late) or forecast_mark(_outcome(forecast))

    @admin.display(description="error, bp")
    def error_bp(self, forecast: Forecast) -> float | None:
        outcome = _outcome(forecast)
        return None if outcome is None else rounded(outcome.error_bp)

    @admin.display(description="page")
    def page(self, forecast: Forecast) -> SafeString:
        address = f"{reverse('dashboard:live')}?{urlencode({'symbol': forecast.symbol})}"
        return link(address, "live")

    @admin.display(description="proof")
    def proof(self, forecast: Forecast) -> SafeString | None:
        return proof_link(forecast.leaf_id)


@admin.register(ForecastOutcome)
class ForecastOutcomeAdmin(LedgerAdmin):
    list_display = (
        "predicted_at",
        "symbol",
        "venue",
        "result",
        "target_mid",
        "price_from",
        "return_bp",
        "error_bp",
        "no_change_error_bp",
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
    key = ("forecast_id",)

    @admin.display(description="outcome")
    def result(self, outcome: ForecastOutcome) -> SafeString | None:
        return forecast_mark(outcome)

    @admin.display(description="predicted at")
    def predicted_at(self, outcome: ForecastOutcome) -> datetime:
        return outcome.forecast.predicted_at

    @admin.display(description="symbol")
    def symbol(self, outcome: ForecastOutcome) -> str:
        return outcome.forecast.symbol

    @admin.display(description="venue")
    def venue(self, outcome: ForecastOutcome) -> str:
        return outcome.forecast.venue


def _outcome(forecast: Forecast) -> ForecastOutcome | None:
    found: ForecastOutcome | None = getattr(forecast, "outcome", None)
    return found
