"""What it costs to store forecasts: from a real Redis log to a real database, acknowledged.

    python benchmarks/recorder.py

Packed entries of 100 symbols lie in the log, as after an outage; the recorder of the product
takes, unpacks, appends to the transparency log, inserts, commits and acknowledges them, and
grades those whose targets came, which here is nearly all of them. `rows_per_s_*` is with grading,
`recorded_per_s_*` the same recorder with grading left out. floor: `executemany` of the very same
rows into the same table, all its indexes there, in one transaction a round; ratio:
`recorded_per_s_sqlite` against it; `ratio_graded`: `rows_per_s_sqlite`, which stores a second row
for each.

SQLite as the product sets it up, in WAL with every commit on disk; PostgreSQL the one of the tests'
wheel with its own defaults. Rounds alternate; figures are medians.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import redis

if TYPE_CHECKING:
    from predictions.recording.forecast_recorder import Recorder

SYMBOLS = 100
TICKS = 96
ROUNDS = 7
START_MS = 1_767_225_600_000


def entries(venue: str, first: int) -> list[bytes]:
    """Return the packed entries of TICKS ticks, the number of the first being `first`."""
    from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
    from market.hot.vector import FEATURE_COUNT, TICK_MS

    rng = np.random.default_rng(first)
    packed = []
    for index in range(first, first + TICKS):
        tick_ms = START_MS + index * TICK_MS
        numbers = rng.uniform(0.1, 0.9, (len(COLUMNS), SYMBOLS))
        mid = rng.uniform(10.0, 1000.0, SYMBOLS)
        for name, share in (
            ("mid_price", 1.0), ("current_price", 1.0), ("predicted_price", 1.0001),
            ("lower", 0.999), ("upper", 1.001),
        ):  # fmt: skip
            numbers[COLUMN[name]] = mid * share
        for name in ("feature_ts_ms", "event_ts_ms", "exchange_ts_ms"):
            numbers[COLUMN[name]] = tick_ms - 10.0
        entry = TickEntry(
            venue=venue, live=False, tick=tick_ms // TICK_MS, tick_ms=tick_ms,
            made_ms=tick_ms + 1.5, horizon_ms=10_000, latency_ms=1.25, missed=0, shard=0, token=1,
            prev=bytes(32), model_version="v1.0.0", base_version="v1.0.0", role="champion",
            digest="ab" * 32, symbols=[f"COIN{number:03d}USDT" for number in range(SYMBOLS)],
            sources=["redis"] * SYMBOLS, reasons=[""] * SYMBOLS, numbers=numbers,
            features=rng.normal(0, 1, (SYMBOLS, FEATURE_COUNT)),
        )  # fmt: skip
        packed.append(entry.pack())
    return packed


def recorder(client: redis.Redis, *, graded: bool) -> "Recorder":
    from inference.vocabulary import FORECASTS
    from predictions.broadcast import OutcomeBroadcast
    from predictions.grading.forecasts import Grader, Settlement
    from predictions.grading.price_history import RedisPriceHistory
    from predictions.recording.forecast_recorder import Recorder
    from predictions.recording.log_reader import LogReader

    class Ungraded(Grader):
        def settle(self, venue: str, ticks: Any = (), *, now_ms: int | None = None) -> Settlement:
            return Settlement(venue, self._with(venue, ticks, now_ms), 0, [])

    history = RedisPriceHistory(client)
    made = Recorder(LogReader(client, FORECASTS, "benchmark"), history, OutcomeBroadcast(None))
    if not graded:
        made.grader = Ungraded(history, made.reader)
    return made


def timed(work: Callable[[], object]) -> float:
    """Return rows a second."""
    started = time.perf_counter()
    work()
    return SYMBOLS * TICKS / (time.perf_counter() - started)


def floor(packed: list[bytes]) -> Callable[[], object]:
    from django.db import connection, transaction

    from predictions.models import Forecast
    from predictions.rows.forecast_rows import FORECAST_FIELDS, tick_rows

    names = (*FORECAST_FIELDS, "leaf_id")
    fields = {field.attname: field for field in Forecast._meta.concrete_fields}
    # The values as the database's driver takes them, which for SQLite differs in times alone.
    moment = names.index("predicted_at")
    rows = []
    for number, each in enumerate(packed):
        for row in tick_rows(f"{START_MS + number}-0", each).values():
            stored = fields["predicted_at"].get_db_prep_save(row[moment], connection)
            rows.append((*row[:moment], stored, *row[moment + 1 :], 0))
    insert = (
        f"INSERT INTO predictions_forecast ({', '.join(names)})"  # noqa: S608  (our own names)
        f" VALUES ({', '.join(['%s'] * len(names))})"
    )

    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(insert, rows)

    return run


def measure() -> dict[str, float]:
    """Measure this process's database: what the child of each kind does."""
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.private_redis import private_redis
    from inference.vocabulary import FORECASTS
    from market import keys
    from predictions.recording.tuning import settle_for_recording

    settle_for_recording()
    call_command("migrate", verbosity=0, skip_checks=True)
    taken: dict[str, list[float]] = {"graded": [], "recorded": [], "floor": []}
    with private_redis() as (address, _), redis.Redis.from_url(address) as client:
        both = {"graded": recorder(client, graded=True), "recorded": recorder(client, graded=False)}
        for tick in range(0, (ROUNDS + 1) * TICKS, TICKS):
            for name, each in both.items():
                for packed in entries(name, tick):
                    client.xadd(keys.log(FORECASTS), {"entry": packed})
                taken[name].append(timed(partial(drain, each)))
            taken["floor"].append(timed(floor(entries("floor", tick))))
        stored = sum(each.tally.forecasts for each in both.values())
        assert stored == 2 * (ROUNDS + 1) * SYMBOLS * TICKS, stored
        # The targets of the last five ticks never come.
        assert both["graded"].tally.outcomes == stored // 2 - 5 * SYMBOLS
    # The first round warms up: tables are made, code is read.
    return {name: median(rates[1:]) for name, rates in taken.items()}


def drain(each: "Recorder") -> None:
    while each.step():
        pass


def child(directory: Path, database: str | None) -> dict[str, float]:
    directory.mkdir()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": str(directory),
        "LOG_LEVEL": "ERROR",
    }
    environment.pop("DATABASE_URL", None)
    if database is not None:
        environment["DATABASE_URL"] = database
    command = [sys.executable, __file__, "--child"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().child:
        print(json.dumps(measure()))
        return
    from tests.postgres import postgres_server

    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recorder-")))
        sqlite = child(root / "sqlite", None)
        url = stack.enter_context(postgres_server(root / "cluster"))
        postgres = child(root / "postgres", url)
    result = {
        "symbols": SYMBOLS,
        "rows_per_s_sqlite": round(sqlite["graded"]),
        "rows_per_s_postgres": round(postgres["graded"]),
        "recorded_per_s_sqlite": round(sqlite["recorded"]),
        "recorded_per_s_postgres": round(postgres["recorded"]),
        "floor_rows_per_s": round(sqlite["floor"]),
        "floor_rows_per_s_postgres": round(postgres["floor"]),
        "ratio": round(sqlite["recorded"] / sqlite["floor"], 3),
        "ratio_graded": round(sqlite["graded"] / sqlite["floor"], 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
