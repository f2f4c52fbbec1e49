"""What `health:retrain` says: why it idles, what is due next, which run is at hand, what failed."""

from datetime import datetime
from typing import Any

import msgspec

from predictions.models.retraining import UNENDED, RunState, TrainingRun
from training.pipeline.schedule import OFF, next_due
from training.pipeline.trials import TrialTime

MOST_TOLD = 20


class Told(msgspec.Struct, kw_only=True):
    """The heartbeat's detail. why: it idles, "" where it does not. runs: those that are not over;
    failed: slots whose last run failed. Times in UTC ms; until_ms is market time."""

    schedule: str = OFF
    why: str = ""
    next_due_ms: int | None = None
    runs: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    error: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return plain values."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return record


def look(schedule: str, missing: list[str], now: datetime) -> Told:
    """Return how retraining stands. Raises the database's errors."""
    due = None if missing else next_due(schedule, now)
    return Told(
        schedule=schedule,
        why=_why(schedule, missing),
        next_due_ms=None if due is None else round(due.timestamp() * 1000),
        runs=[_run(row) for row in _unended()[:MOST_TOLD]],
        failed=[{"slot": row.slot, "message": row.message, "run": row.pk} for row in _failed()],
    )


def _why(schedule: str, missing: list[str]) -> str:
    if missing:
        return f"{', '.join(missing)} not installed (requirements/training.txt)"
    return "RETRAIN_SCHEDULE is off" if schedule == OFF else ""


def _unended() -> list[TrainingRun]:
    rows = TrainingRun.objects.filter(state__in=UNENDED).select_related("version")
    return list(rows.order_by("-started_at", "-id"))


def _run(row: TrainingRun) -> dict[str, Any]:
    trial = TrialTime.of(row)
    return {
        "run": row.pk,
        "slot": row.slot,
        "state": row.state,
        "step": row.step,
        "version": "" if row.version is None else row.version.version,
        "until_ms": None if trial is None else trial.until_ms,
        "message": row.message,
    }


def _failed() -> list[TrainingRun]:
    newest: dict[str, TrainingRun] = {}
    for row in TrainingRun.objects.order_by("slot", "started_at", "id").only(
        "slot", "state", "message"
    ):
        newest[row.slot] = row
    return [row for row in newest.values() if row.state == RunState.FAILED]
