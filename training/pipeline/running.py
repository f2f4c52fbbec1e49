"""Runs as a whole: begun, gone on with, failed. Read by `manage.py retrain`.

One at a time. A run that dies stays as it is, and whoever comes next goes on with it; one that
dies three times in the same step has failed.
"""

from collections.abc import Callable, Mapping

import structlog
from django.db import DatabaseError, InterfaceError

from inference.artefacts.errors import ArtefactError
from inference.artefacts.versions import Slot, parse_slot
from market.feeds import FeedError
from predictions.models.retraining import RunState, RunStep, TrainingRun, Trigger
from predictions.promotion.errors import StandingError
from training.devices import DeviceError
from training.export import ExportMismatchError
from training.pipeline.deciding import decide
from training.pipeline.engines import Engine, Told
from training.pipeline.locking import at_work
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.steps import STEPS, Run, WaitingError
from training.pipeline.trials import unfinished
from training.recordings import TooLittleDataError, TrainingDataError
from training.workplace import WorkplaceAwayError, WorkplaceError

MOST_ATTEMPTS = 3
REFUSALS = (
    TrainingDataError,
    FeedError,
    DeviceError,
    ExportMismatchError,
    ArtefactError,
    StandingError,
    OSError,
)
"""What a person has to mend, a disk that is full among it; the text says what."""

EngineOf = Callable[[Slot], Engine]

log = structlog.get_logger(__name__)


def retrain(
    orders: Mapping[Slot, SlotOrder],
    engine_of: EngineOf,
    told: Told,
    *,
    trigger: Trigger = Trigger.HAND,
    causes: Mapping[Slot, str] | None = None,
) -> list[TrainingRun]:
    """Train a challenger for each slot, as far as its trial; return the runs.

    A run of the same order that was broken off is gone on with, where this order's fits run; one
    of another order is given up. What fails is told in its row, and the next slot goes on.
    Raises RetrainingBusyError where such a run is just being dropped.
    """
    rows = []
    for slot, order in orders.items():
        beside = "" if trigger == Trigger.HAND else _beside(slot)
        row = _broken_off(slot, order, engine_of, told) or TrainingRun.objects.create(
            slot=str(slot),
            trigger=trigger,
            cause=(causes or {}).get(slot, "")[:500],
            state=RunState.RUNNING,
            step=RunStep.DATASET,
            options=order.to_record(),
        )
        rows.append(row)
        told(f"{slot}: run {row.pk}, {_stands(row)}")
        if beside:
            _at_hand(row, engine_of, told).end(RunState.UNCHANGED, beside)
        else:
            go_on(row, engine_of, told)
    return rows


def _stands(row: TrainingRun) -> str:
    return f"{row.get_trigger_display()}, from {row.get_step_display()} on"


def _beside(slot: Slot) -> str:
    """Return why no second challenger is made by itself while one is on trial."""
    others = TrainingRun.objects.filter(slot=str(slot), state=RunState.ON_TRIAL)
    other = others.select_related("version").first()
    if other is None or other.version is None:
        return ""
    return f"{other.version.version} of run {other.pk} is on trial: no second one is made beside it"


def resume(
    engine_of: EngineOf, told: Told, *, jobs: int | None = None, cluster: str | None = None
) -> list[TrainingRun]:
    """Go on with every run that was broken off, and decide trials whose time is over.

    jobs, cluster: where fits run from now on; None as the run was asked for.
    """
    changed = {"jobs": jobs, "cluster": cluster}
    rows = unfinished()
    for row in rows:
        given = {name: value for name, value in changed.items() if value is not None}
        row.options = {**row.options, **given}
        if row.state == RunState.RUNNING:
            told(f"{row.slot}: run {row.pk}, {_stands(row)}")
        go_on(row, engine_of, told)
    return rows


def go_on(row: TrainingRun, engine_of: EngineOf, told: Told) -> TrainingRun:
    """Take a run from step to step until it waits or is over.

    Raises RetrainingBusyError where it is just being dropped, and the database's errors; the run
    then stays as it is.
    """
    with at_work(row.pk):
        row.refresh_from_db(fields=("state", "message", "ended_at"))
        _go_on(_at_hand(row, engine_of, told))
    return row


def _go_on(run: Run) -> None:
    row, slot = run.row, run.slot
    try:
        _steps(run)
    except (DatabaseError, InterfaceError):
        raise
    except (WaitingError, WorkplaceError) as error:
        row.message = f"goes on later: {error}"
        row.save()
        run.told(f"{slot}: {row.message}")
    except REFUSALS as error:
        # What is recorded grows; files that a person named were to be enough.
        if isinstance(error, TooLittleDataError) and not run.order.names_files:
            run.end(RunState.UNCHANGED, f"there is too little to learn from yet: {error}")
        else:
            run.end(RunState.FAILED, f"failed at {row.get_step_display()}: {error}")
    except Exception as error:
        # The outermost handler of a run: what went wrong with it is not the next slot's matter.
        log.exception("retraining_failed", slot=str(slot), run=row.pk, step=row.step)
        run.end(RunState.FAILED, f"failed at {row.get_step_display()}: {_words(error)}")


def _steps(run: Run) -> None:
    while run.row.state == RunState.RUNNING:
        step = RunStep(run.row.step)
        if run.folder.begun(step) > MOST_ATTEMPTS:
            message = (
                f"it died {MOST_ATTEMPTS} times at {step.label}, most likely for want of memory"
            )
            run.end(RunState.FAILED, message)
            return
        try:
            STEPS[step](run)
        except (WaitingError, WorkplaceAwayError):
            run.folder.forget_attempts()
            raise
    if run.row.state == RunState.ON_TRIAL:
        decide(run)


def _at_hand(row: TrainingRun, engine_of: EngineOf, told: Told) -> Run:
    slot = parse_slot(row.slot)
    order = SlotOrder.of_record(row.options)
    return Run(row, slot, order, RunFolder(row.pk), engine_of(slot), told)


def _broken_off(
    slot: Slot, order: SlotOrder, engine_of: EngineOf, told: Told
) -> TrainingRun | None:
    found = None
    running = TrainingRun.objects.filter(slot=str(slot), state=RunState.RUNNING)
    for row in running.select_related("version").order_by("-started_at", "-id"):
        if found is None and SlotOrder.of_record(row.options).asks_the_same(order):
            found = row
            row.options = order.to_record()
            continue
        why = "it was broken off, and asked for otherwise since"
        with at_work(row.pk):
            _at_hand(row, engine_of, told).end(RunState.FAILED, why)
    return found


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
