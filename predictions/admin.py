"""The ledger in the admin, for looking only: what was said and what came true."""

from datetime import datetime

from django.contrib import admin

from predictions.ledger_admin import LedgerAdmin, RecentValuesFilter
from predictions.models import Forecast, ForecastOutcome, Signal, SignalGap

admin.site.site_header = admin.site.site_title = "cryptosite"
admin.site.index_title = "Ledger and accounts"
admin.site.enable_nav_sidebar = False  # the ledger's columns need its room


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
    raw_id_fields = ("leaf",)
    moments = ("prediction_ts", "target_ts", "made_ts", "feature_ts", "event_ts", "exchange_ts")

    @admin.display(description="mid")
    def mid(self, forecast: Forecast) -> str | None:
        return _price(forecast.mid_price, 8)

    @admin.display(description="predicted")
    def predicted(self, forecast: Forecast) -> str | None:
        return _price(forecast.predicted_price, 8)

    @admin.display(description="conf.")
    def confident(self, forecast: Forecast) -> float | None:
        return None if forecast.confidence is None else round(forecast.confidence, 3)

    @admin.display(description="outcome")
    def result(self, forecast: Forecast) -> str | None:
        outcome = _outcome(forecast)
        return None if outcome is None else outcome.reason or outcome.status

    @admin.display(description="error, bp")
    def error_bp(self, forecast: Forecast) -> float | None:
        outcome = _outcome(forecast)
        return None if outcome is None or outcome.error_bp is None else round(outcome.error_bp, 3)

    @admin.display(description="hit", boolean=True)
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
    raw_id_fields = ("leaf",)
    moments = ("candle_open", "candle_close", "prediction_ts", "valid_until_ts", "made_ts")

    @admin.display(description="conf.")
    def confident(self, signal: Signal) -> float:
        return round(signal.confidence, 3)

    @admin.display(description="entry")
    def entered(self, signal: Signal) -> str | None:
        return _price(signal.entry)

    @admin.display(description="stop")
    def stop(self, signal: Signal) -> str | None:
        return _price(signal.stop_loss)

    @admin.display(description="target 1")
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
    moments = ("candle_open", "candle_close", "made_ts")


def _price(value: float | None, digits: int = 6) -> str | None:
    # Coins cost from 1e-5 to 1e5: significant digits, not decimals.
    return None if value is None else f"{value:.{digits}g}"


def _outcome(forecast: Forecast) -> ForecastOutcome | None:
    found: ForecastOutcome | None = getattr(forecast, "outcome", None)
    return found
