"""What was trained, how it was judged and what was promoted, in the admin: for looking only."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from predictions.admin.marks import BAD, EVEN, GOOD, UNKNOWN, link, mark, price, shown_moment
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.models import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    RollbackWatch,
    TrainingRun,
    TrainingTrial,
)
from predictions.models.retraining import Action, RunState, VersionState

_STATES = {
    VersionState.CHAMPION: GOOD,
    VersionState.REJECTED: BAD,
    RunState.PROMOTED: GOOD,
    RunState.REJECTED: BAD,
    RunState.FAILED: BAD,
    Action.PROMOTE: GOOD,
    Action.ROLLBACK: BAD,
    Action.REJECT: BAD,
}


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
        return _state(row.state, VersionState(row.state).label)

    @admin.display(description="runs")
    def runs(self, row: ModelVersion) -> SafeString:
        return _listed(TrainingRun, "runs", version__id__exact=row.pk)

    @admin.display(description="verdicts")
    def verdicts(self, row: ModelVersion) -> SafeString:
        return _listed(GateVerdict, "verdicts", version__id__exact=row.pk)

    @admin.display(description="done")
    def deeds(self, row: ModelVersion) -> SafeString:
        return _listed(Promotion, "promotions", slot=row.slot, version=row.version)

    @admin.display(description="page")
    def page(self, row: ModelVersion) -> SafeString:
        return _page(row.slot)


@admin.register(TrainingRun)
class TrainingRunAdmin(LedgerAdmin):
    list_display = (
        "started_at",
        "slot",
        "trigger",
        "shown_state",
        "step",
        "message",
        "tried",
        "verdicts",
        "challenger",
        "ended_at",
    )
    list_filter = ("slot", "state", "step", "trigger", ("venue", RecentValuesFilter))
    search_fields = ("data_digest__startswith",)
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-id")
    sortable_by = ("started_at",)
    list_select_related = ("version",)
    key = ("started_at", "id")

    @admin.display(description="state")
    def shown_state(self, run: TrainingRun) -> SafeString:
        return _state(run.state, RunState(run.state).label)

    @admin.display(description="tried")
    def tried(self, run: TrainingRun) -> SafeString:
        return _listed(TrainingTrial, str(run.trials), run__id__exact=run.pk)

    @admin.display(description="verdicts")
    def verdicts(self, run: TrainingRun) -> SafeString:
        return _listed(GateVerdict, "verdicts", run__id__exact=run.pk)

    @admin.display(description="challenger")
    def challenger(self, run: TrainingRun) -> SafeString | None:
        return _shown(run.version, "" if run.version is None else run.version.version)


@admin.register(TrainingTrial)
class TrainingTrialAdmin(LedgerAdmin):
    list_display = ("id", "of_run", "number", "model", "params", "shown_loss", "chosen", "made_at")
    list_filter = ("chosen", "run__slot", ("model", RecentValuesFilter))
    search_fields = ("data_digest__startswith",)
    date_hierarchy = "made_at"
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("run",)
    key = ("id",)

    @admin.display(description="run")
    def of_run(self, trial: TrainingTrial) -> SafeString | None:
        return _shown(trial.run, str(trial.run))

    @admin.display(description="loss")
    def shown_loss(self, trial: TrainingTrial) -> str | SafeString | None:
        return mark(BAD, "failed") if trial.loss is None else price(trial.loss)


@admin.register(GateVerdict)
class GateVerdictAdmin(LedgerAdmin):
    list_display = (
        "decided_at",
        "slot",
        "stage",
        "challenger",
        "against",
        "shown",
        "objections",
        "n",
        "n_eff",
        "of_run",
    )
    list_filter = ("passed", "stage", "version__slot", ("against", RecentValuesFilter))
    search_fields = ("challenger__istartswith",)
    date_hierarchy = "decided_at"
    ordering = ("-decided_at", "-id")
    sortable_by = ("decided_at",)
    list_select_related = ("version", "run")
    exclude = ("criteria",)
    readonly_fields = ("asked",)
    key = ("decided_at", "id")

    @admin.display(description="slot")
    def slot(self, verdict: GateVerdict) -> str | None:
        of = verdict.version or verdict.run
        return None if of is None else of.slot

    @admin.display(description="verdict")
    def shown(self, verdict: GateVerdict) -> SafeString:
        return mark(GOOD, "passed") if verdict.passed else mark(BAD, "did not pass")

    @admin.display(description="what speaks against it")
    def objections(self, verdict: GateVerdict) -> str:
        failed = (each for each in verdict.criteria if not each.get("passed"))
        return "; ".join(str(each.get("name")) for each in failed)

    @admin.display(description="run")
    def of_run(self, verdict: GateVerdict) -> SafeString | None:
        return _shown(verdict.run, "" if verdict.run is None else f"run {verdict.run.pk}")

    @admin.display(description="criteria")
    def asked(self, verdict: GateVerdict) -> SafeString:
        rows = (
            (
                mark(GOOD, "passed") if each.get("passed") else mark(BAD, "failed"),
                each.get("name"),
                "unknown" if each.get("figure") is None else price(each["figure"]),
                each.get("asked"),
            )
            for each in verdict.criteria
        )
        lines = format_html_join("", "<li>{} {}: {}, asked {}</li>", rows)
        return format_html("<ul>{}</ul>", lines)


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
        return _state(done.action, Action(done.action).label)

    @admin.display(description="page")
    def page(self, done: Promotion) -> SafeString:
        return _page(done.slot)


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
        return _shown(row.reign, f"{row.reign.done_at:%Y-%m-%d %H:%M}")


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


def _state(state: str, word: str) -> SafeString:
    known: dict[str, str] = {each.value: kind for each, kind in _STATES.items()}
    return mark(known.get(state, EVEN), word)


def _listed(model: type[Model], text: str, **query: Any) -> SafeString:
    name = f"admin:predictions_{model._meta.model_name}_changelist"
    return link(f"{reverse(name)}?{urlencode(query)}", text)


def _shown(row: Model | None, text: str) -> SafeString | None:
    if row is None:
        return None
    return link(reverse(f"admin:predictions_{row._meta.model_name}_change", args=(row.pk,)), text)


def _page(slot: str) -> SafeString:
    return link(f"{reverse('dashboard:models')}?{urlencode({'slot': slot})}", "models")
