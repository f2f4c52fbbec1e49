"""SIGTERM and SIGINT as a flag, for commands that run until told to stop."""

import signal
import threading
from types import FrameType


class StopFlag:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> "StopFlag":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)
        return self

    def __call__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._event.set()
        signal.signal(number, signal.SIG_DFL)
