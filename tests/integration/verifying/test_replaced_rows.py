"""SQLite's REPLACE passes the triggers on a connection that does not ask for them; it is named."""

from pathlib import Path

import pytest
import redis
from django.db import connection

from predictions.models import Forecast
from tests.integration.checked_ledger import faults

pytestmark = pytest.mark.django_db


def test_row_that_replace_wrote_past_the_triggers_is_named(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    row = Forecast.objects.filter(symbol="BTCUSDT").order_by("pk")[9]
    if connection.vendor == "postgresql":  # which knows no REPLACE
        return
    columns = [field.column for field in Forecast._meta.concrete_fields]
    values = ", ".join("0.75" if name == "p_up" else f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers = OFF")
        try:
            cursor.execute(
                f"REPLACE INTO predictions_forecast SELECT {values} FROM predictions_forecast "  # noqa: S608
                "WHERE id = %s",
                [row.pk],
            )
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")
    found = faults(tmp_path)
    assert (found[0].model, found[0].row, found[0].field) == ("Forecast", str(row.pk), "p_up")
