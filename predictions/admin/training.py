"""Training in the admin, for looking only: runs, what each tried, and how it was judged."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from predictions.admin.marks import BAD, GOOD, mark, price
from predictions.admin.quick_queries import RecentValuesFilter
from predictions.admin.reading import LedgerAdmin
from predictions.admin.retraining_cells import row_link, rows_link, state_mark
from predictions.models import GateVerdict, TrainingRun, TrainingTrial
from predictions.models.retraining import RunState


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
        return state_mark(run.state, RunState(run.state).label)

    @admin.display(description="tried")
    def tried(self, run: TrainingRun) -> SafeString:
        return rows_link(TrainingTrial, str(run.trials), run__id__exact=run.pk)

    @admin.display(description="verdicts")
    def verdicts(self, run: TrainingRun) -> SafeString:
        return rows_link(GateVerdict, "verdicts", run__id__exact=run.pk)

    @admin.display(description="challenger")
    def challenger(self, run: TrainingRun) -> SafeString | None:
        return row_link(run.version, "" if run.version is None else run.version.version)


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
        return row_link(trial.run, str(trial.run))

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
        return row_link(verdict.run, "" if verdict.run is None else f"run {verdict.run.pk}")

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
