"""Signals in the admin, what came true, and the gaps between them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from predictions.admin.marks import (
    late_mark,
    link,
    price,
    proof_link,
    rounded,
    shown_moment,
    signal_mark,
)
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.as_of import with_superseded
from predictions.downloads.tables import SIGNALS
from predictions.models import Signal, SignalGap, SignalOutcome


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
        "result",
        "r_multiple",
        "page",
        "proof",
    )
    list_filter = (
        "live",
        "late",
        "role",
        "timeframe",
        "direction",
        "reason",
        "outcome__result",
        "outcome__status",
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
    table = SIGNALS
    moments = ("candle_open", "candle_close", "prediction_ts", "valid_until_ts", "made_ts")

    @admin.display(description="conf.")
    def confident(self, signal: Signal) -> float | None:
        return rounded(signal.confidence)

    @admin.display(description="entry")
    def entered(self, signal: Signal) -> str | None:
        return price(signal.entry)

    @admin.display(description="stop")
    def stop(self, signal: Signal) -> str | None:
        return price(signal.stop_loss)

    @admin.display(description="target 1")
    def first_target(self, signal: Signal) -> str | None:
        return price(signal.take_profit_1)

    @admin.display(description="outcome")
    def result(self, signal: Signal) -> SafeString | None:
        return late_mark(signal.late) or signal_mark(_outcome(signal))

    @admin.display(description="R")
    def r_multiple(self, signal: Signal) -> float | None:
        outcome = _outcome(signal)
        return None if outcome is None else rounded(outcome.r_multiple)

    @admin.display(description="page")
    def page(self, signal: Signal) -> SafeString:
        return link(reverse("dashboard:signals"), "signals")

    @admin.display(description="proof")
    def proof(self, signal: Signal) -> SafeString | None:
        return proof_link(signal.leaf_id)

    def get_export_queryset(self, shown: "QuerySet[Signal]") -> "QuerySet[Signal]":
        return with_superseded(shown, None)


@admin.register(SignalOutcome)
class SignalOutcomeAdmin(LedgerAdmin):
    list_display = (
        "signal",
        "outcome",
        "touched",
        "path_timeframe",
        shown_moment("ended_ts"),
        "entry_gap_bp",
        "exit_price",
        "r_multiple",
        "r_after_fees",
        "tp_minutes",
        "eta_covered",
    )
    list_filter = ("status", "result", "reason", "path_timeframe", "eta_covered")
    search_fields = ("signal__symbol__istartswith", "signal__venue__istartswith")
    date_hierarchy = "signal__predicted_at"
    ordering = ("-signal_id",)
    sortable_by = ()
    list_select_related = ("signal",)
    raw_id_fields = ("signal",)
    key = ("signal_id",)
    moments = (
        "ended_ts",
        "stop_loss_ts",
        "take_profit_1_ts",
        "take_profit_2_ts",
        "take_profit_3_ts",
    )

    @admin.display(description="outcome")
    def outcome(self, outcome: SignalOutcome) -> SafeString | None:
        return signal_mark(outcome)


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


def _outcome(signal: Signal) -> SignalOutcome | None:
    found: SignalOutcome | None = getattr(signal, "outcome", None)
    return found
