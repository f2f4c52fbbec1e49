"""Versions in the admin, for looking only: what was promoted, how it fares, what has drifted."""

from django.contrib import admin
from django.utils.safestring import SafeString

from predictions.admin.marks import BAD, EVEN, UNKNOWN, mark, price, shown_moment
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.admin.retraining_cells import models_link, row_link, rows_link, state_mark
from predictions.models import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    RollbackWatch,
    TrainingRun,
)
from predictions.models.retraining import Action, VersionState


@admin.register(ModelVersion)
class ModelVersionAdmin(LedgerAdmin):
    list_display = (
        "created_at",
        "slot",
        "version",
        "shown_state",
        "since",
        "origin",
        "venue",
        "runs",
        "verdicts",
        "deeds",
        "page",
    )
    list_filter = ("slot", "state", "origin", ("venue", RecentValuesFilter))
    search_fields = ("version__istartswith", "digest__startswith")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    moments = ("span_from", "span_to")
    key = ("created_at", "id")

    @admin.display(description="state")
    def shown_state(self, row: ModelVersion) -> SafeString:
        return state_mark(row.state, VersionState(row.state).label)

    @admin.display(description="runs")
    def runs(self, row: ModelVersion) -> SafeString:
        return rows_link(TrainingRun, "runs", version__id__exact=row.pk)

    @admin.display(description="verdicts")
    def verdicts(self, row: ModelVersion) -> SafeString:
        return rows_link(GateVerdict, "verdicts", version__id__exact=row.pk)

    @admin.display(description="done")
    def deeds(self, row: ModelVersion) -> SafeString:
        return rows_link(Promotion, "promotions", slot=row.slot, version=row.version)

    @admin.display(description="page")
    def page(self, row: ModelVersion) -> SafeString:
        return models_link(row.slot)


@admin.register(Promotion)
class PromotionAdmin(LedgerAdmin):
    list_display = ("done_at", "slot", "shown_action", "version", "before", "by", "why", "page")
    list_filter = ("slot", "action", ("by", RecentValuesFilter))
    search_fields = ("version__istartswith",)
    date_hierarchy = "done_at"
    ordering = ("-done_at", "-id")
    sortable_by = ("done_at",)
    key = ("done_at", "id")

    @admin.display(description="action")
    def shown_action(self, done: Promotion) -> SafeString:
        return state_mark(done.action, Action(done.action).label)

    @admin.display(description="page")
    def page(self, done: Promotion) -> SafeString:
        return models_link(done.slot)


@admin.register(RollbackWatch)
class RollbackWatchAdmin(LedgerAdmin):
    list_display = (
        "measured_at",
        "slot",
        "version",
        "rival",
        "venue",
        "live",
        "shown_evidence",
        "shown_highest",
        "shown_difference",
        "decisions",
        "blocks",
        shown_moment("through_ms"),
        "since",
    )
    list_filter = ("slot", "live", ("venue", RecentValuesFilter))
    search_fields = ("version__istartswith",)
    ordering = ("-reign_id", "-id")
    sortable_by = ()
    list_select_related = ("reign",)
    raw_id_fields = ("reign",)
    moments = ("through_ms",)
    key = ("reign_id", "id")

    @admin.display(description="evidence")
    def shown_evidence(self, row: RollbackWatch) -> str | None:
        return price(row.e_value, 4)

    @admin.display(description="highest")
    def shown_highest(self, row: RollbackWatch) -> str | None:
        return price(row.highest, 4)

    @admin.display(description="difference")
    def shown_difference(self, row: RollbackWatch) -> str | None:
        return price(row.difference, 4)

    @admin.display(description="since")
    def since(self, row: RollbackWatch) -> SafeString | None:
        return row_link(row.reign, f"{row.reign.done_at:%Y-%m-%d %H:%M}")


@admin.register(DriftReading)
class DriftReadingAdmin(LedgerAdmin):
    list_display = (
        "measured_at",
        "slot",
        "venue",
        "symbol",
        "version",
        "kind",
        "name",
        "shown_value",
        "shown_effect",
        "shown_reference",
        "shown_bound",
        "shown",
        "n",
    )
    list_filter = ("slot", "drifted", "kind", ("venue", RecentValuesFilter))
    search_fields = ("name__istartswith", "symbol__istartswith")
    date_hierarchy = "measured_at"
    ordering = ("-measured_at", "-id")
    sortable_by = ("measured_at",)
    key = ("measured_at", "id")

    @admin.display(description="value")
    def shown_value(self, row: DriftReading) -> str | None:
        return price(row.value, 4)

    @admin.display(description="effect")
    def shown_effect(self, row: DriftReading) -> str | None:
        return price(row.effect, 4)

    @admin.display(description="reference")
    def shown_reference(self, row: DriftReading) -> str | None:
        return price(row.reference, 4)

    @admin.display(description="bound")
    def shown_bound(self, row: DriftReading) -> str | None:
        return price(row.bound, 4)

    @admin.display(description="state")
    def shown(self, row: DriftReading) -> SafeString:
        if row.drifted is None:
            return mark(UNKNOWN, "unknown")
        return mark(BAD, "drifted") if row.drifted else mark(EVEN, "as before")
