"""A person ends a run that is not wanted any more. Read by `manage.py retrain --drop`.

Free of training's libraries.
"""

from django.db.models import QuerySet

from predictions.models.retraining import (
    UNENDED,
    RunState,
    RunStep,
    TrainingRun,
    VersionState,
)
from training.pipeline.endings import end
from training.pipeline.locking import at_work

_SERVED = (VersionState.CHAMPION, VersionState.PREVIOUS)


class NotDroppedError(ValueError):
    """A run that cannot be dropped; its text says why, and what could be."""


def drop(number: int, *, by: str, why: str) -> TrainingRun:
    """End a run and its trial without a verdict; its row and all that it found are kept.

    Raises NotDroppedError where there is no such run, it is over, or its challenger serves;
    RetrainingBusyError where somebody works on it; StandingError, OSError.
    """
    by, why = by.strip(), why.strip()
    if not by or not why:
        raise NotDroppedError(
            f"who drops run {number}, and why, must be said: neither --by nor --why may be empty"
        )
    _unended(number)
    with at_work(number):
        row = _unended(number)  # as it stands now that nobody else has it in hand
        _refuse_served(row)
        told = f"dropped by {by}: {why}"
        end(row, RunState.DROPPED, told, by=by, why=f"run {number} was dropped: {why}")
    return row


def _unended(number: int) -> TrainingRun:
    row = TrainingRun.objects.select_related("version").filter(pk=number).first()
    if row is None:
        raise NotDroppedError(f"there is no run {number}; {_others()}")
    if row.state not in UNENDED:
        ended = "" if row.ended_at is None else f" since {row.ended_at:%Y-%m-%d %H:%M} UTC"
        state = RunState(row.state).label
        raise NotDroppedError(f"run {number} of {row.slot} is over{ended} ({state}); {_others()}")
    return row


def _refuse_served(row: TrainingRun) -> None:
    version = row.version
    if version is not None and version.state in _SERVED:
        word = VersionState(version.state).label
        raise NotDroppedError(
            f"{version.version}, which came of run {row.pk}, {word}: the run is over as soon as"
            " retrain --resume looks"
        )


def _others() -> str:
    rows: QuerySet[TrainingRun] = TrainingRun.objects.filter(state__in=UNENDED).order_by("id")
    named = [f"{row.pk} ({row.slot}, {_stands(row)})" for row in rows]
    return f"not over: {', '.join(named)}" if named else "none is unfinished"


def _stands(row: TrainingRun) -> str:
    if row.state == RunState.ON_TRIAL:
        return RunState.ON_TRIAL.label
    return f"at {RunStep(row.step).label}"
