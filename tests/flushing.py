"""Emptying the tables of the ledger after a test with transactions of its own.

Django's `flush` meets the triggers that refuse to remove what was said; no setting of the product
lifts them, so they are taken down for its time and put up again.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection, transaction

from predictions.retention.append_only import creation, removal


def flush_past_triggers(patch: pytest.MonkeyPatch) -> None:
    """Let every flush of the session's database do without the triggers."""
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def flushing(self: Any, sql_list: Iterable[str]) -> None:
        vendor = self.connection.vendor
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            for statement in removal(vendor):
                cursor.execute(statement)
            flush(self, list(sql_list))
            for statement in creation(vendor):
                cursor.execute(statement)

    patch.setattr(operations, "execute_sql_flush", flushing)
