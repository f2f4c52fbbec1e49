"""Asking the database from the event loop, for a bounded time. Read by the alerts' process.

A database that hangs is away like one that refuses: alerts about it must not wait for it.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

AWAY = (DatabaseError, InterfaceError, TimeoutError)
"""What `in_database` raises where the database is away."""

LONGEST_SECONDS = 5.0


async def in_database(ask: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that asks the database, in the thread of its connection.

    Raises one of AWAY; what was asked may then still be done later.
    """
    async with asyncio.timeout(LONGEST_SECONDS):
        return await sync_to_async(ask)(*args, **kwargs)


async def forget_connection() -> None:
    """Let go of a connection that broke, so that the next call makes a new one."""
    try:
        await in_database(close_old_connections)
    except AWAY:
        return  # its thread still hangs in the call before
