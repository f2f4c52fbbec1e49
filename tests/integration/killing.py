"""Recorders that die at a chosen point of a step, in this process or as processes of their own.

As a program it records a log until it is stored, through `WORKERS` recorders at once that kill
themselves now and then, each time at another point:

    python -m tests.integration.killing DIRECTORY REDIS_URL DATABASE_URL
"""

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

POINTS = ("taken", "appended", "inserted", "graded", "committed", "acknowledged")
"""Of a step: what had just been done. The transaction lies between `taken` and `committed`."""

WORKERS = 3
DEATHS = 24


class Killed(BaseException):
    """Stands for a SIGKILL where the process has to live on."""


@dataclass
class Fate:
    """Calls `die` after `point` of the next step; `None`: never."""

    die: Callable[[], None]
    point: str | None = None

    def after(self, point: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*args: Any, **kwargs: Any) -> Any:
            done = work(*args, **kwargs)
            if self.point == point:
                self.die()
            return done

        return doing


@contextmanager
def doomed(fate: Fate) -> Iterator[None]:
    """Let recorders meet their fate."""
    from predictions.grading.forecasts import Grader
    from predictions.recording import forecast_recorder
    from predictions.recording.log_reader import LogReader

    places: tuple[tuple[Any, str, str], ...] = (
        (LogReader, "take", "taken"),
        (forecast_recorder, "append_entries", "appended"),
        (forecast_recorder, "insert_new", "inserted"),
        (Grader, "settle", "graded"),
        (Grader, "confirm", "committed"),
        (LogReader, "acknowledge", "acknowledged"),
    )
    before = [getattr(owner, name) for owner, name, _ in places]
    for (owner, name, point), work in zip(places, before, strict=True):
        setattr(owner, name, fate.after(point, work))
    try:
        yield
    finally:
        for (owner, name, _), work in zip(places, before, strict=True):
            setattr(owner, name, work)


def work(url: str, consumer: str, point: str | None, steps: int, claim_idle_ms: int = 50) -> None:
    """Be a recorder that is killed at `point` of its last step, or ends where nothing is left."""
    from django.db import OperationalError

    from tests.integration.ledger import new_recorder

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    fate = Fate(die)
    with redis.Redis.from_url(url) as client, doomed(fate):
        recorder = new_recorder(client, consumer, claim_idle_ms=claim_idle_ms)
        while True:
            steps -= 1
            fate.point = None if steps > 0 else point
            try:
                if not recorder.step(limit=4):
                    return
            except OperationalError:
                continue  # the database was locked, which the recording loop waits for


def storm(url: str) -> None:
    """Run recorders until the log is stored, killing each that is told a point."""
    rng = random.Random(7)
    left = [POINTS[number % len(POINTS)] for number in range(DEATHS)]
    rng.shuffle(left)
    names: dict[int, str] = {}
    killed = 0
    while left or names:
        free = [f"worker-{n}" for n in range(WORKERS) if f"worker-{n}" not in names.values()]
        while free and left:
            point, consumer = left.pop(), free.pop()
            steps = rng.randint(1, 4)
            child = os.fork()
            if not child:
                work(url, consumer, point, steps)
                os._exit(0)
            names[child] = consumer
        gone, status = os.wait()
        if status not in (0, signal.SIGKILL):
            raise SystemExit(f"a worker ended with status {status}")
        killed += status == signal.SIGKILL
        del names[gone]
    if killed < DEATHS // 2:
        raise SystemExit(f"only {killed} of {DEATHS} workers were killed: the log was too short")
    work(url, "survivor", None, 1, claim_idle_ms=0)


def main() -> None:
    directory, url, database = sys.argv[1:]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": directory,
        "REDIS_URL": url,
        "DATABASE_URL": database,
    }
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0, skip_checks=True)
    connections.close_all()
    storm(url)


if __name__ == "__main__":
    main()
