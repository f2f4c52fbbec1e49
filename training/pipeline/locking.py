"""One retraining at a time, of a machine and of a database; a process that died holds nothing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings
from django.db import connection

LOCK_NAME = "training/.running"
_DATABASE_LOCK = 7_305_819_264_135_487
"""Of PostgreSQL's advisory locks: ours, of no meaning else."""


class RetrainingBusyError(Exception):
    """Another process retrains. Whoever asked comes again later."""


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock while models are trained anew. Raises RetrainingBusyError."""
    path = settings.VAR_DIR / LOCK_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RetrainingBusyError(_told(file)) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        with _database_lock():
            yield


@contextmanager
def _database_lock() -> Iterator[None]:
    # SQLite is one machine's; the file's lock is enough there.
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_DATABASE_LOCK])
        if not cursor.fetchone()[0]:
            raise RetrainingBusyError("another machine retrains the models of this database")
    try:
        yield
    finally:
        # The lock is the connection's: where that was lost, it is free already.
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_DATABASE_LOCK])


def _told(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read().strip()
    return "another process retrains models" + (f" (process {pid})" if pid else "")
