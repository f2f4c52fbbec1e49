"""A network that nobody vouches for, asked across a process boundary.

Whatever its file does to the process that opens it (never ends, takes all memory, crashes ONNX
Runtime) is told as an ordinary refusal. Read by imports and by promotions; holds no ONNX Runtime.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.versions import Slot
from inference.confined.messages import MOST_BYTES, Order, Told, asked

LIMIT_SECONDS = 120.0
"""For all that one network is asked, the start of its process among it; not for whoever asks."""

_CHILD = "inference.confined.child"
_PROJECT = Path(__file__).resolve().parents[2]
_END_SECONDS = 5.0


class FailedAnswerError(Exception):
    """The network failed on an input; the text is its own. Whoever asked refuses it."""


@dataclass(slots=True)
class ConfinedNetwork:
    """An open network. left: of its time, in seconds."""

    folder: Path
    _child: subprocess.Popen[bytes]
    _connection: "Connection[Any, Any]"
    _words: IO[bytes]
    _seconds: float
    _left: float

    def run(self, *rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the answers, a row each: six columns of a forecast, or three probabilities.

        rows: features [n, 20] float64; or windows [n, 60, 14] float32 and indices [n] int64.
        Raises FailedAnswerError where the network fails on them, ArtefactError where its process
        ends or its time is over.
        """
        told = self._ask(asked(rows))
        if told.failed or told.answer is None:
            raise FailedAnswerError(told.message)
        return told.answer.values()

    def open(self, order: Order) -> None:
        """Let it be opened and tried as the loops would. Raises ArtefactError."""
        told = self._ask(msgspec.msgpack.encode(order))
        if told.code is not None:
            raise ArtefactError(told.code, Path(told.path), told.message)

    def _ask(self, message: bytes) -> Told:
        began = time.monotonic()
        try:
            self._connection.send_bytes(message)
            if not self._connection.poll(max(0.0, self._left)):
                text = f"was not through with being tried after {self._seconds:g} s"
                raise ArtefactError(Refusal.TOO_SLOW, self.folder, text)
            return msgspec.msgpack.decode(self._connection.recv_bytes(MOST_BYTES), type=Told)
        except (EOFError, OSError, msgspec.DecodeError) as error:
            raise ArtefactError(Refusal.REFUSED, self.folder, self._last_words()) from error
        finally:
            self._left -= time.monotonic() - began

    def _last_words(self) -> str:
        try:
            status = self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "broke off the process that tried it"
        if status < 0:
            name = signal.strsignal(-status) or f"signal {-status}"
            return f"ended the process that tried it ({name}): it crashes, or wants too much memory"
        self._words.seek(0)
        last = self._words.read().decode(errors="replace").strip().rpartition("\n")[2]
        return f"ended the process that tried it: {last or f'status {status}'}"


@contextmanager
def confined(
    slot: Slot,
    folder: Path,
    *,
    horizon_ms: int = 0,
    rows: int = 1,
    seconds: float = LIMIT_SECONDS,
) -> Iterator[ConfinedNetwork]:
    """Open the network of a version's folder in a process of its own, as the loops would.

    horizon_ms, rows: of forecasts, by how much they must look ahead, and the symbols of a tick.
    Raises ArtefactError where it may not be served, naming a file of the folder, or the folder.
    """
    ours, theirs = Pipe()
    with ours, theirs, tempfile.TemporaryFile() as words:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", _CHILD, str(theirs.fileno())],
                cwd=_PROJECT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                pass_fds=[theirs.fileno()],
            )
        except OSError as error:
            message = f"cannot be tried, no process can be started for it: {error}"
            raise ArtefactError(Refusal.REFUSED, folder, message) from error
        try:
            theirs.close()
            network = ConfinedNetwork(folder, child, ours, words, seconds, seconds)
            network.open(Order(str(slot), str(folder), horizon_ms, rows))
            yield network
        finally:
            child.kill()
            child.wait()
