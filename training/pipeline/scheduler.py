"""The process `retrain`: sleeps until models are due to be trained anew, then starts a child.

Slim: what trains is imported by children alone, one at a time, at low priority. It ends its child
with itself; the run goes on from its last finished step when it starts again.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import invalidate_caches
from importlib.util import find_spec

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from cryptosite.processes.orphans import follow_parent
from market.redis_cluster import AWAY, connect
from market.stopping import StopFlag
from predictions.mqtt.heartbeat import Heartbeat
from training.pipeline.chores import Chore, Chores, Command, environment, scheduled_since
from training.pipeline.told import Told, look

PROCESS = "retrain"
LOOK_SECONDS = 60.0
NICE = 10
STOP_SECONDS = 3.0
"""The supervisor gives this process four."""
REDIS_SECONDS = 1.0
SLEEP_SECONDS = 0.25
LONGEST_SECONDS = dict.fromkeys(Chore, 3 * 86_400.0) | {Chore.DRIFT: 3_600.0}
"""A child that takes longer hangs, and all that is due waits for it: it is ended. A run goes on
from the fits that were made."""
BUSY = 75
"""Exit status of a child that found another process retraining."""
NEEDED = ("torch", "lightgbm", "sklearn", "statsmodels", "onnx", "arch", "optuna", "river")

log = structlog.get_logger(__name__)


def run_schedule(schedule: str, told: Callable[[str], object]) -> None:
    """Run until told to stop."""
    if missing := missing_packages():
        told(f"retrain: idle, {', '.join(missing)} not installed (requirements/training.txt)")
    scheduler = Scheduler(schedule, missing_packages, StopFlag().install())
    try:
        while scheduler.step():
            time.sleep(SLEEP_SECONDS)
    finally:
        scheduler.close()


def missing_packages() -> list[str]:
    """Return what training needs and is not installed now."""
    invalidate_caches()
    return [name for name in NEEDED if find_spec(name) is None]


class Scheduler:
    """One step does what is to be done now; it never waits for a child."""

    def __init__(
        self, schedule: str, missing: Callable[[], list[str]], stopping: Callable[[], bool]
    ) -> None:
        now = datetime.now(UTC)
        self.child: subprocess.Popen[bytes] | None = None
        self.chores = Chores(schedule, scheduled_since(settings.VAR_DIR, now))
        self._missing = missing
        self._stopping = stopping
        self._heartbeat: Heartbeat | None = None
        self._looked = float("-inf")
        self._told = Told()
        self._command: Command | None = None
        self._started = 0.0
        self._exit = ""

    def step(self) -> bool:
        """Look after the child, start what is due, tell how it stands; False once to stop."""
        if self._stopping():
            return False
        self._reap()
        if self.child is None and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._start_due()
        self._beat()
        return True

    def close(self) -> None:
        """End the child, and what it started."""
        child = self.child
        if child is None or child.poll() is not None:
            return
        os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # what it started may outlive it
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def _start_due(self) -> None:
        now = datetime.now(UTC)
        try:
            # They may be installed while this process runs.
            missing = self._missing()
            command = None if missing else self.chores.next(now)
            self._told = look(self.chores.schedule, missing, now)
        except (DatabaseError, InterfaceError) as error:
            self._told = Told(schedule=self.chores.schedule, error=f"{type(error).__name__}")
            log.warning("retraining_without_database", error=str(error))
            connection.close()  # the next look opens another one
            return
        if command is not None:
            self._start(command)

    def _start(self, command: Command) -> None:
        self._command, self._started = command, time.monotonic()
        self.child = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command.arguments],
            cwd=settings.BASE_DIR,
            env=environment(os.environ),
            start_new_session=True,
            preexec_fn=_quiet,
        )
        log.info("retraining_child", chore=command.chore.value, pid=self.child.pid)

    def _reap(self) -> None:
        if self.child is None or self._command is None:
            return
        if time.monotonic() - self._started > LONGEST_SECONDS[self._command.chore]:
            log.error("retraining_child_hangs", arguments=self._command.arguments)
            self.close()
        if self.child.poll() is None:
            return
        status, command = self.child.returncode, self._command
        self.child, self._command = None, None
        self._looked = float("-inf")
        failed = status not in (0, BUSY)
        self._exit = f"{' '.join(command.arguments)}: status {status}" if failed else ""

    def _beat(self) -> None:
        try:
            heartbeat = self._heartbeat or Heartbeat(
                connect(
                    settings.REDIS_URL,
                    cluster=settings.INFERENCE.redis.cluster_mode,
                    socket_timeout=REDIS_SECONDS,
                    socket_connect_timeout=REDIS_SECONDS,
                ),
                process=PROCESS,
            )
            self._heartbeat = heartbeat
            if heartbeat.due():
                working = self.child is not None
                doing = " ".join(self._command.arguments) if self._command else None
                detail = {**self._told.to_record(), "doing": doing, "child": self._exit}
                heartbeat.tell("active" if working else "idle", detail)
        except AWAY as error:
            log.debug("heartbeat_not_written", error=str(error))


def _quiet() -> None:
    follow_parent()
    os.nice(NICE)
