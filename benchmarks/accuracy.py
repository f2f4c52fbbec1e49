"""How long the accuracy of a million graded forecasts takes, from roll-ups and from rows.

    python benchmarks/accuracy.py [--forecasts N] [--runs N]

A database of its own (SQLite) with forecasts of three coins every 2 s and their outcomes, rolled
up as the recorder does. The summary holds every figure of `/api/accuracy`: hit rate, MAE, R²,
coverage, Brier, log-loss, ECE and reliability, each with its interval. The one from roll-ups is
checked equal to the one from rows. Times are medians over the runs, the first one left out.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

VENUE = "simulated/bench"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
TICK_MS = 2_000
FIRST_MS = 1_767_225_600_000
ROWS_A_TIME = 30_000


def set_up(var_dir: Path) -> None:
    """Make Django use a new database below var_dir."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": f"sqlite:///{var_dir / 'bench.sqlite3'}",
        "LOG_LEVEL": "WARNING",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def rows(count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield forecasts and outcomes as columns; what came true leans towards what was said."""
    from predictions.moments import moment

    rng = np.random.default_rng(1)
    for index in range(count):
        tick, place = divmod(index, len(SYMBOLS))
        if index % ROWS_A_TIME == 0:
            said = rng.normal(0, 0.5, ROWS_A_TIME).tolist()
            moved = rng.normal(0, 2.0, ROWS_A_TIME).tolist()
            still = (rng.random(ROWS_A_TIME) < 0.1).tolist()
        at = index % ROWS_A_TIME
        expected = said[at]
        came = 0.0 if still[at] else moved[at] + expected
        p_up = 0.9 / (1 + 2.718281828 ** (-expected))
        tick_ms = FIRST_MS + tick * TICK_MS
        yield (
            {
                "id": index + 1, "venue": VENUE, "live": False, "tick": tick,
                "symbol": SYMBOLS[place], "model_version": "v1", "base_version": "v1",
                "role": "champion", "model_digest": "", "predicted_at": str(moment(tick_ms))[:19],
                "prediction_ts": tick_ms, "target_ts": tick_ms + 10_000, "made_ts": tick_ms,
                "mid_price": 100.0, "predicted_price": 100.0, "p_up": p_up, "p_flat": 0.1,
                "p_down": 0.9 - p_up, "source": "redis", "reason": "", "late": False, "leaf_id": 0,
            },
            {
                "id": index + 1, "forecast_id": index + 1, "status": "graded", "reason": "",
                "price_from": "tick", "return_bp": came, "error_bp": expected - came,
                "no_change_error_bp": -came, "covered": abs(came - expected) < 3.3,
                "direction_hit": None if came == 0 else (came > 0) == (expected > 0),
                "graded_at": "2026-01-01 00:00:00",
            },
        )  # fmt: skip


def fill(count: int) -> None:
    """Write forecasts and outcomes."""
    from django.db import connection, transaction

    from predictions.models import Forecast, ForecastOutcome, LedgerEntry

    LedgerEntry.objects.create(
        index=0, engine="forecasts", venue=VENUE, shard=0, number=0, stream_id="1-0", stream_ms=0,
        made_ts=0, entry_hash=bytes(32), prev_hash=bytes(32), leaf_hash=bytes(32),
    )  # fmt: skip
    made = rows(count)
    with transaction.atomic(), connection.cursor() as cursor:
        while batch := [pair for _, pair in zip(range(ROWS_A_TIME), made, strict=False)]:
            for model, place in ((Forecast, 0), (ForecastOutcome, 1)):
                names = list(batch[0][place])
                marks = ", ".join(["%s"] * len(names))
                cursor.executemany(
                    f"INSERT INTO {model._meta.db_table} ({', '.join(names)})"  # noqa: S608
                    f" VALUES ({marks})",
                    [list(pair[place].values()) for pair in batch],
                )


def roll_up() -> float:
    """Add up every hour as the recorder does; return the seconds."""
    from predictions.accuracy.rollups import rebuild

    began = time.perf_counter()
    rebuild()
    return time.perf_counter() - began


def timed(call: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Return the median of the runs in ms, and what the call returns."""
    taken, answer = [], call()
    for _ in range(runs):
        began = time.perf_counter()
        answer = call()
        taken.append((time.perf_counter() - began) * 1e3)
    return median(taken), answer


def measure(count: int, runs: int) -> dict[str, float | int | bool]:
    from predictions.accuracy.forecasts import summary
    from predictions.accuracy.hours import add_up
    from predictions.accuracy.questions import ForecastQuestion, find_hours
    from predictions.accuracy.rollups import forecast_rows

    asked = ForecastQuestion(venue=VENUE)
    began = time.perf_counter()
    from_rows = summary(add_up(forecast_rows(from_ms=None, to_ms=None, **asked.chosen())))
    rows_ms = (time.perf_counter() - began) * 1e3
    seconds = roll_up()
    rollups_ms, rolled = timed(lambda: summary(find_hours(asked).hours), runs)
    if rolled != from_rows:
        raise SystemExit(f"roll-ups and rows differ:\n{rolled}\n{from_rows}")
    return {
        "forecasts": rolled["n"],
        "rollups_ms": round(rollups_ms, 2),
        "rows_ms": round(rows_ms, 1),
        "rolling_up_s": round(seconds, 1),
        "equal": True,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forecasts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=21)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        set_up(Path(directory))
        fill(given.forecasts)
        figures = measure(given.forecasts, given.runs)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
