"""What the schedule has to start now, if anything: one command at a time.

Free of training's libraries, as all that the schedule's own process imports.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from inference.artefacts.versions import SLOTS, Slot
from predictions.models.retraining import TrainingRun, Trigger
from training.drift.causes import drift_causes
from training.pipeline.schedule import OFF, last_due
from training.pipeline.trials import unfinished

SINCE_NAME = "training/.scheduled_since"
DRIFT_EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=10)
"""Between two starts of one chore: what cannot be gone on with now is not asked every minute."""


class Chore(StrEnum):
    """What the schedule starts, in the order of its urgency."""

    RESUME = "resume"
    SCHEDULED = "scheduled"
    DRIFTED = "drifted"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of manage.py, and why it is started."""

    chore: Chore
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Chores:
    """Decides what is next. since: when this instance's schedule began; nothing that was due
    before it was missed."""

    schedule: str
    since: datetime
    started: dict[Chore, datetime] = field(default_factory=dict)

    def next(self, now: datetime) -> Command | None:
        """Return what to start now; it counts as started. Raises the database's errors."""
        for chore, ask in (
            (Chore.RESUME, self._resume),
            (Chore.SCHEDULED, self._scheduled),
            (Chore.DRIFTED, self._drifted),
            (Chore.DRIFT, self._drift),
        ):
            pause = DRIFT_EVERY if chore is Chore.DRIFT else RETRY_AFTER
            last = self.started.get(chore)
            if last is not None and timedelta(0) <= now - last < pause:
                continue  # a clock that was set back makes nobody wait for the time it showed
            arguments = ask(now)
            if arguments:
                self.started[chore] = now
                return Command(chore, arguments)
        return None

    def due(self, now: datetime) -> datetime | None:
        """Return since when a run is due; None where none is, or it was made."""
        due = last_due(self.schedule, now)
        if due is None or due < self.since:
            return None
        made = TrainingRun.objects.filter(trigger=Trigger.SCHEDULE, started_at__gte=due)
        slots = set(made.values_list("slot", flat=True))
        return None if slots >= set(map(str, SLOTS)) else due

    def _resume(self, now: datetime) -> tuple[str, ...]:
        return ("retrain", "--resume", "--jobs", "1") if unfinished() else ()

    def _scheduled(self, now: datetime) -> tuple[str, ...]:
        due = self.due(now)
        if due is None:
            return ()
        trigger = Trigger.SCHEDULE.value
        return ("retrain", "--trigger", trigger, "--since", due.isoformat(), "--jobs", "1")

    def _drifted(self, now: datetime) -> tuple[str, ...]:
        causes = [] if self.schedule == OFF else drift_causes()
        return _of_drift(*causes[0]) if causes else ()

    def _drift(self, now: datetime) -> tuple[str, ...]:
        return () if self.schedule == OFF else ("measure_drift",)


def _of_drift(slot: Slot, cause: str) -> tuple[str, ...]:
    only = (
        ("--only", "forecaster")
        if slot.timeframe is None
        else ("--only", "signals", "--timeframe", str(slot.timeframe))
    )
    return ("retrain", *only, "--trigger", Trigger.DRIFT.value, "--cause", cause, "--jobs", "1")


def scheduled_since(var_dir: Path, now: datetime) -> datetime:
    """Return when the schedule first ran here: now where nobody noted it, or a clock that was
    wrong."""
    path = var_dir / SINCE_NAME
    with suppress(OSError, ValueError):
        noted = datetime.fromisoformat(path.read_text().strip()).astimezone(UTC)
        if noted <= now:
            return noted
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(now.isoformat() + "\n")
    return now


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment: one thread, so that the hot path keeps its cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    return {**given, **dict.fromkeys(names, "1")}
