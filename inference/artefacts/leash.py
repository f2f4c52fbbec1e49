"""Ends what a network does once it takes too long; read by whoever opens and runs one.

A file may hold a loop without an end, and nothing can end the thread that runs it. ONNX Runtime
asks between two nodes whether it is to go on: a thread of its own tells it when it is not.
What counts is the time that the thread computes: a machine that stands still, or is busy with
others, makes no network slow.
"""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from weakref import WeakSet

LOOK_SECONDS = 0.5


class Leash:
    """Held around what may not end. cut: called once, from another thread, after so many seconds of
    computing.

    Several threads may hold it at a time. What was cut stays cut.
    """

    def __init__(self, cut: Callable[[], None], seconds: float) -> None:
        self.seconds = seconds
        self.is_cut = False
        self._cut = cut
        self._ends: dict[int, tuple[int, float]] = {}  # by thread: its clock, and when on that
        _WATCH.add(self)

    def __enter__(self) -> None:
        clock = _own_clock()
        self._ends[threading.get_ident()] = clock, time.clock_gettime(clock) + self.seconds

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.pop(threading.get_ident(), None)

    def cut_if_due(self) -> None:
        """Cut it where somebody has held it for too long."""
        if not self.is_cut and any(_is_over(*end) for end in tuple(self._ends.values())):
            self.is_cut = True
            self._cut()


class _Watch:
    """One thread for all leashes of a process: one for each run would cost more than the run."""

    def __init__(self) -> None:
        self._leashes: WeakSet[Leash] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, leash: Leash) -> None:
        with self._lock:
            self._leashes.add(leash)
            # A process that was forked has none of its parent's threads.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="leash", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                leashes = tuple(self._leashes)
            for leash in leashes:
                leash.cut_if_due()


def _own_clock() -> int:
    if sys.platform == "linux":
        return time.pthread_getcpuclockid(threading.get_ident())
    return time.CLOCK_MONOTONIC


def _is_over(clock: int, end: float) -> bool:
    try:
        return time.clock_gettime(clock) > end
    except OSError:  # the thread has ended, and let go before
        return False


_WATCH = _Watch()
