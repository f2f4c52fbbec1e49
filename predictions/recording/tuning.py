"""How the recorder's process is set up for many rows at a time. Read by its command."""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from market.collector import collect_seldom

CACHE_KB = 65_536
"""Of SQLite's pages. A transaction of 10,000 forecasts touches more than its default of 2 MB, and
what does not fit is written twice."""


def settle_for_recording() -> None:
    """Widen SQLite's cache on this process's connections; look for garbage seldom."""
    collect_seldom()
    connection_created.connect(_widen_cache)
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            _widen_cache(connection=connection)


def _widen_cache(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = -{CACHE_KB}")
