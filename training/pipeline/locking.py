"""Who may work at retraining: one process at a time, and at a run only who holds it.

Of a machine by locks on files, of a database by locks of its sessions; a process that died holds
nothing.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

LOCK_NAME = "training/.running"
RUN_LOCK = "training/.run-{number}"
_DATABASE_LOCK = 7_305_819_264_135_487
"""Of PostgreSQL's advisory locks: ours, of no meaning else; those above it are of the runs."""


class RetrainingBusyError(Exception):
    """Another process retrains, or has the run in hand. Whoever asked comes again later."""


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock while models are trained anew. Raises RetrainingBusyError."""
    path, busy = settings.VAR_DIR / LOCK_NAME, "another process retrains models"
    elsewhere = "another machine retrains the models of this database"
    with _file_lock(path, busy), _database_lock(_DATABASE_LOCK, elsewhere):
        yield


@contextmanager
def at_work(number: int) -> Iterator[None]:
    """Hold a run while it is gone on with, or dropped. Raises RetrainingBusyError."""
    path = settings.VAR_DIR / RUN_LOCK.format(number=number)
    busy, elsewhere = (f"run {number} is being worked on{where}" for where in ("", " elsewhere"))
    with _file_lock(path, busy):
        try:
            with _database_lock(_DATABASE_LOCK + number, elsewhere):
                yield
        finally:
            path.unlink(missing_ok=True)  # while it is held, so that none is left for each run


@contextmanager
def _file_lock(path: Path, busy: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path, busy) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(path: Path, busy: str) -> IO[str]:
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with file:
                raise RetrainingBusyError(_told(file, busy)) from error
        if _lies_at(path, file):
            return file
        file.close()  # who held it removed it meanwhile


def _lies_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def _database_lock(key: int, busy: str) -> Iterator[None]:
    # SQLite is one machine's; the file's lock is enough there.
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise RetrainingBusyError(busy)
    try:
        yield
    finally:
        # The lock is the connection's: where that was lost, it is free already.
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _told(file: IO[str], busy: str) -> str:
    file.seek(0)
    pid = file.read().strip()
    return busy + (f" (process {pid})" if pid else "")
