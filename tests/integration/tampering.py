"""Altering the ledger as one could who owns the database: its refusals are switched off."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def tampering() -> Iterator[None]:
    """Let the test change and remove rows of the ledger; the test's rollback takes it back.

    On SQLite the triggers are gone until then.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield
            cursor.execute("SET LOCAL session_replication_role = origin")
            return
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')
        yield


@contextmanager
def tampering_undone() -> Iterator[None]:
    """As `tampering`, and take everything back at the end."""
    with transaction.atomic():
        with tampering():
            yield
        transaction.set_rollback(True)
