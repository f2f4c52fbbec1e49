"""The steps of a run, from its dataset to its challenger's trial; each is kept, then the next.

A step that was broken off is done again from its beginning, and gives the same: rows are replaced,
files keep their names. What a step needs it takes from the run's row and folder alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from inference.artefacts.versions import Slot, VersionStore
from predictions.models.retraining import (
    ModelVersion,
    Origin,
    RunState,
    RunStep,
    TrainingRun,
    Trigger,
    VersionState,
)
from predictions.promotion.standing import (
    Automatic,
    champion_version,
    put_on_trial,
    register,
    reject,
    retire,
)
from training.pipeline import records
from training.pipeline.endings import end
from training.pipeline.engines import Engine, Learned, Told
from training.pipeline.market_now import running_market
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.trials import TrialTime, may_be_tried


class WaitingError(Exception):
    """The run cannot go on now, and will later; the text says what it waits for."""


@dataclass(slots=True)
class Run:
    """A run at hand. told: hears in a line what was done."""

    row: TrainingRun
    slot: Slot
    order: SlotOrder
    folder: RunFolder
    engine: Engine
    told: Told

    def next(self, step: RunStep) -> None:
        """Keep what a step found; the next one begins here."""
        self.row.step = step
        self.row.save()

    def end(self, state: RunState, message: str) -> None:
        """End the run; who failed is on trial no more, since nobody would decide on it."""
        end(self.row, state, message)
        self.told(f"{self.slot}: {message}")


def learn(run: Run) -> None:
    """Build the dataset; end here where it was tried before, or could not be tried at all."""
    learned = run.engine.learn(run.order, run.folder)
    row = run.row
    row.data_digest, row.venue, row.source = learned.digest, learned.venue, learned.source
    row.symbols = list(learned.symbols)
    row.metrics = {
        **row.metrics,
        "dataset": {"rows": learned.rows, "from_ms": learned.span[0], "to_ms": learned.span[1]},
    }
    run.told(
        f"{run.slot}: {learned.rows:,} decisions of {len(learned.symbols)} symbols,"
        f" digest {learned.digest[:12]}"
    )
    objection = _not_here(run, learned) or _tried_before(run)
    if objection:
        run.end(RunState.UNCHANGED, objection)
        return
    run.next(RunStep.WALK_FORWARD)


def walk_forward(run: Run) -> None:
    """Fit and judge every variant and baseline."""
    found = run.engine.walk_forward(run.order, run.folder, run.told)
    row = run.row
    row.metrics = {**row.metrics, **records.plain(found.metrics)}
    row.trials = found.trials
    with transaction.atomic():
        records.write_trials(row, found.tried)
        records.write_verdict(row, found.verdict, None)
        run.next(RunStep.CHALLENGER)
    run.told(f"{run.slot}: {found.conclusion}")


def make_challenger(run: Run) -> None:
    """Put what serves best into the store, under a version of its own."""
    made = run.engine.challenger(run.order, run.folder)
    if made.version == champion_version(run.slot):
        run.end(RunState.UNCHANGED, f"the same model came out that serves: {made.version}")
        return
    folder = VersionStore(settings.VAR_DIR).add(run.slot, made.version, made.files)
    run.row.version = register(run.slot, folder, origin=Origin.TRAINED, venue=run.row.venue)
    run.next(RunStep.GATE)
    run.told(f"{run.slot}: challenger {made.version}, {run.row.version.architecture}")


def gate(run: Run) -> None:
    """Judge the challenger against what serves, on decisions that it never learned from."""
    version = _version(run)
    champion = champion_version(run.slot)
    if not champion:
        message = f"nothing serves {run.slot} that {version} could be judged against"
        run.end(RunState.REJECTED, f"{message}; promote it by hand")
        return
    judged = run.engine.against_champion(run.folder, version, champion)
    verdict = judged.verdict
    run.row.metrics = {**run.row.metrics, "against_champion": records.plain(judged.metrics)}
    records.write_verdict(run.row, verdict, run.row.version)
    if verdict.passed:
        run.next(RunStep.SHADOW)
        run.told(f"{run.slot}: {version} passed the gate against {champion}")
        return
    why = f"not better than {champion} out of sample: {'; '.join(verdict.objections)}"
    reject_once(run, why)
    run.end(RunState.REJECTED, f"{version} is {why}")


def begin_trial(run: Run) -> None:
    """Let the challenger speak beside what serves, from now on and for a fixed time."""
    version = _version(run)
    market = running_market()
    if market is None:
        raise WaitingError("no market runs in which the challenger could be on trial")
    if not may_be_tried(run.row.venue, market):
        message = (
            f"{version} passed the gate; it learned from {run.row.venue} and may not be on trial in"
            f" {market.venue}: promote it by hand"
        )
        run.end(RunState.REJECTED, message)
        return
    made = run.row.version
    if made is not None and _untried(made, run.row):
        why = f"passed the gate out of sample, run {run.row.pk}"
        put_on_trial(run.slot, version, by=Automatic.RETRAINING, why=why)
        made.refresh_from_db()
    trial = TrialTime.beginning(run.slot, market)
    run.row.metrics = {**run.row.metrics, "trial": trial.to_record()}
    run.row.state = RunState.ON_TRIAL
    run.row.message = f"{version} is on trial in {trial.venue} for {trial.days:g} days"
    run.row.save()
    run.folder.remove()
    run.told(f"{run.slot}: {run.row.message}")


STEPS = {
    RunStep.DATASET: learn,
    RunStep.WALK_FORWARD: walk_forward,
    RunStep.CHALLENGER: make_challenger,
    RunStep.GATE: gate,
    RunStep.SHADOW: begin_trial,
}


def reject_once(run: Run, why: str, figures: dict[str, float | None] | None = None) -> None:
    """Reject the run's version, if that was not done before the run was broken off."""
    _leave_once(reject, run, why, figures)


def retire_once(run: Run, why: str, figures: dict[str, float | None] | None = None) -> None:
    """Retire the run's version, if that was not done before the run was broken off."""
    _leave_once(retire, run, why, figures)


def _leave_once(
    leave: Callable[..., object], run: Run, why: str, figures: dict[str, float | None] | None
) -> None:
    version = run.row.version
    if version is None:
        return
    version.refresh_from_db()
    if version.state in (VersionState.CANDIDATE, VersionState.SHADOW):
        short = why if len(why) <= 500 else f"{why[:499]}…"
        by = Automatic.RETRAINING
        leave(run.slot, version.version, by=by, why=short, figures=figures or {})


def _untried(version: ModelVersion, row: TrainingRun) -> bool:
    # What an earlier run made and left undecided may be tried; what was taken off since may not.
    if version.state == VersionState.RETIRED:
        return version.since < row.started_at
    return version.state == VersionState.CANDIDATE


def _version(run: Run) -> str:
    if run.row.version is None:
        raise ValueError(f"run {run.row.pk} has come to {run.row.step} without a version")
    return run.row.version.version


def _not_here(run: Run, learned: Learned) -> str:
    # By hand it is trained all the same: a person may promote it.
    market = running_market()
    if run.row.trigger == Trigger.HAND or market is None or may_be_tried(learned.venue, market):
        return ""
    return (
        f"what could be learned is of {learned.venue}, and {market.venue} runs: it could not be on"
        " trial there"
    )


def _tried_before(run: Run) -> str:
    earlier = (
        TrainingRun.objects.filter(
            slot=str(run.slot),
            data_digest=run.row.data_digest,
            state__in=(RunState.ON_TRIAL, RunState.REJECTED, RunState.PROMOTED),
            version__isnull=False,
        )
        .exclude(pk=run.row.pk)
        .select_related("version")
    )
    store = VersionStore(settings.VAR_DIR)
    for other in earlier:
        if other.version is None or other.version.version not in store.versions(run.slot):
            continue
        if SlotOrder.of_record(other.options).gives_the_same(run.order):
            return (
                f"the same data and options gave {other.version.version} in run {other.pk}:"
                f" {other.get_state_display()}"
            )
    return ""
