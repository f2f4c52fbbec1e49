"""Keep one command running: `python -m cryptosite.processes.supervise -- COMMAND…`.

honcho stops every process when one ends, so each line of the Procfile runs under this. A
command that ends is started anew after a back-off that doubles up to 30 s, with jitter so that
processes which fell together do not return together, and that starts over once the command
has lived for a minute. SIGTERM and SIGINT are handed on, and the wait for the end is bounded.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cryptosite.processes.orphans import follow_parent

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 4.0
"""honcho kills what is left five seconds after the first process has ended."""
EX_CONFIG = 78
"""Exit status of a command whose configuration is refused: only a person can help."""


class BackOff:
    """How long to wait before the next start, in seconds."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._failures = 0

    def after(self, *, lived_seconds: float, status: int) -> float:
        """Return the delay after a run that lived so long and ended with `status`."""
        if status == EX_CONFIG:
            return LONGEST_DELAY_SECONDS
        if lived_seconds >= HEALTHY_SECONDS:
            self._failures = 0
        full = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        jitter: float = self._draw.uniform(0.5, 1.0)
        return full * jitter


class Supervisor:
    """Runs `command` until told to stop."""

    def __init__(self, command: Sequence[str], back_off: BackOff) -> None:
        self._command = list(command)
        self._name = _spoken_name(command)
        self._back_off = back_off
        self._stopping = False
        self._awake, self._alarm = os.pipe()

    def run(self) -> int:
        """Return 0 once told to stop."""
        os.set_blocking(self._alarm, False)
        os.set_blocking(self._awake, False)
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # Only so that the end of the child wakes `select`.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while not self._stopping:
            started = time.monotonic()
            status = self._run_once()
            if self._stopping:
                break
            delay = self._back_off.after(lived_seconds=time.monotonic() - started, status=status)
            self._say(status, delay)
            self._sleep(delay)
        return 0

    def _run_once(self) -> int:
        try:
            # A session of its own: a signal to our group must reach it once, through us.
            child = subprocess.Popen(
                self._command, start_new_session=True, preexec_fn=follow_parent
            )
        except OSError as error:
            print(f"{self._name}: cannot start: {error}", file=sys.stderr, flush=True)
            return 127
        while child.poll() is None and not self._stopping:
            self._sleep(None)
        if child.poll() is None:
            _end(child)
        return child.returncode

    def _sleep(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while not self._stopping:
            left = None if until is None else max(0.0, until - time.monotonic())
            ready, _, _ = select.select([self._awake], [], [], left)
            if ready:
                os.read(self._awake, 512)
            if until is None or time.monotonic() >= until:
                return

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _say(self, status: int, delay: float) -> None:
        if status == EX_CONFIG:
            told = "its configuration is refused (see above); once it is right, start anew"
        else:
            told = f"ended with status {status}"
        print(f"{self._name}: {told}; next try in {delay:.1f} s", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command:
        print("usage: python -m cryptosite.processes.supervise -- COMMAND…", file=sys.stderr)
        return 64
    if command[0] == "python":
        command[0] = sys.executable
    return Supervisor(command, BackOff(random.Random())).run()


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The whole session: a command may have children of its own.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _spoken_name(command: Sequence[str]) -> str:
    words = [word for word in command if word not in ("-m", "manage.py")]
    return Path(words[min(1, len(words) - 1)]).name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
