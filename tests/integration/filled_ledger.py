"""A ledger of many forecasts, made by the database itself in seconds; for tests of size."""

from django.db import connection

from predictions.models import Forecast, ForecastOutcome, LedgerEntry

FIRST_TICK_MS = 1_767_225_600_000
"""2026-01-01T00:00:00 UTC."""
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

_COUNTED = """
WITH RECURSIVE ticks(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM ticks WHERE i < %(last)s)
"""
_LEAVES = """
INSERT INTO {leaves} ("index", engine, venue, shard, number, stream_id, stream_ms, made_ts,
    entry_hash, prev_hash, leaf_hash, packed, recorded_at)
{counted}
SELECT i, 'forecasts', 'filled/1', 0, i, CAST(i AS VARCHAR(40)), %(first)s + i * 2000 + 3,
    %(first)s + i * 2000 + 2, {hash}, {hash}, {hash}, NULL, {moment}
FROM ticks
"""
_FORECASTS = """
INSERT INTO {forecasts} (venue, live, tick, symbol, model_version, base_version, role,
    model_digest, predicted_at, prediction_ts, target_ts, made_ts, feature_ts, event_ts,
    current_price, mid_price, predicted_price, lower, upper, p_up, confidence, completeness,
    source, reason, latency_ms, late, leaf_id)
{counted}
SELECT 'filled/1', {false}, %(first)s / 2000 + i, symbols.name, 'v1', 'v1', 'champion',
    'abababababababababababababababababababababababababababababababab', {moment},
    %(first)s + i * 2000, %(first)s + i * 2000 + 10000, %(first)s + i * 2000 + 2,
    %(first)s + i * 2000 - 10, NULL, 100 + i * 0.001, 100 + i * 0.001 + 0.0005,
    100 + i * 0.0011, 99 + i * 0.001, 101 + i * 0.001, 0.5, 0.8, 1.0, 'redis', '',
    1.25, {false}, i
FROM ticks CROSS JOIN (
    SELECT 'BTCUSDT' AS name UNION ALL SELECT 'ETHUSDT' UNION ALL SELECT 'SOLUSDT'
) AS symbols
"""
_OUTCOMES = """
INSERT INTO {outcomes} (forecast_id, status, reason, target_mid, price_from, return_bp, error_bp,
    no_change_error_bp, direction_hit, covered, graded_at)
SELECT id, 'graded', '', mid_price + 0.01, 'tick', 1.0, -0.25, 0.5, tick %% 2 = 0, {true},
    predicted_at
FROM {forecasts}
"""


def fill(rows: int) -> None:
    """Insert at least so many graded forecasts, of three symbols a tick, in one venue."""
    ticks = -(-rows // len(SYMBOLS))
    sqlite = connection.vendor == "sqlite"
    seconds = "(%(first)s / 1000 + i * 2)"
    words = {
        "leaves": LedgerEntry._meta.db_table,
        "forecasts": Forecast._meta.db_table,
        "outcomes": ForecastOutcome._meta.db_table,
        "counted": _COUNTED,
        "hash": "randomblob(32)"
        if sqlite
        else "sha256(convert_to(i::text || random()::text, 'UTF8'))",
        "moment": f"datetime({seconds}, 'unixepoch')" if sqlite else f"to_timestamp({seconds})",
        "true": "1" if sqlite else "true",
        "false": "0" if sqlite else "false",
    }
    with connection.cursor() as cursor:
        for statement in (_LEAVES, _FORECASTS, _OUTCOMES):
            cursor.execute(statement.format(**words), {"last": ticks - 1, "first": FIRST_TICK_MS})
        cursor.execute("ANALYZE")
