"""The whole stack with a past: recorded frames replayed, candles imported, signals made and graded.

Read by the tests that look at every page, and by `python -m tests.e2e.screenshots`.
"""

import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from inference.artefacts.signal_registry import ModelRegistry
from inference.signals.moment import Moment
from inference.signals.service import InferenceService
from market import keys
from market.candles.importing.importer import Importer
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.collected import give_static_files
from tests.e2e.spoken import closes, speak
from tests.environment import instance_environment
from tests.migrated import give_database
from tests.processes import ROOT, Instance
from tests.recordings import BTC_SPOT, CANDLES, ETH_SPOT, recording
from tests.waiting import eventually_sync

EXCHANGE = "binance"
VENUE = f"replay/{BTC_SPOT}+{ETH_SPOT}/1"
BEGINS_MS = 1_723_161_600_000
"""2024-08-09T00:00:00 UTC: the minutes before are played at once, and here every candle closes."""

M15, H1, H4, D1 = SIGNAL_TIMEFRAMES
SOME = {M15: 26, H1: 16, H4: 2, D1: 2}
"""Closes before BEGINS_MS at which signals were said: enough that no page is empty."""
MANY = {M15: 480, H1: 336, H4: 120, D1: 60}

PROCESSES = ("run_market_feed", "run_inference_loop", "run_signal_loop", "run_recorder")


class Stack(Instance):
    """An instance whose web process and Redis can be killed and started again."""

    def __init__(self, directory: Path, **settings: str) -> None:
        own = {
            "MARKET_SOURCE": "replay",
            "MARKET_REPLAY": f"{recording(BTC_SPOT)},{recording(ETH_SPOT)}",
            "FORECAST_SYMBOLS": "BTCUSDT,ETHUSDT",
            "CANDLE_EXCHANGE": EXCHANGE,
        }
        super().__init__(directory, instance_environment(directory), **(own | settings))
        self.account = "", ""

    @contextmanager
    def standing_still(self, command: str) -> Iterator[None]:
        """Let a process stand still meanwhile."""
        process = self.processes[command]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def count(self, table: str) -> int:
        """Return how many rows a table of `predictions` has."""
        with closing(sqlite3.connect(self.directory / "cryptosite.sqlite3")) as connection:
            query = f"SELECT count(*) FROM predictions_{table}"  # noqa: S608  (of this module)
            return int(connection.execute(query).fetchone()[0])

    def newest(self, table: str, where: str = "1") -> int:
        """Return the newest row's id. Raises LookupError where there is none."""
        with closing(sqlite3.connect(self.directory / "cryptosite.sqlite3")) as connection:
            query = f"SELECT max(id) FROM predictions_{table} WHERE {where}"  # noqa: S608
            (found,) = connection.execute(query).fetchone()
        if found is None:
            raise LookupError(f"no {table} where {where}")
        return int(found)


@contextmanager
def running_stack(past: Mapping[Timeframe, int] = SOME, **settings: str) -> Iterator[Stack]:
    """Yield the stack with every process running and something on every page; end all of it.

    past: closes of each timeframe at which signals were said before the market began.
    """
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as directory:
        stack = Stack(Path(directory), **settings)
        stack.start_redis()
        try:
            _prepare(stack, past)
            for command in PROCESSES:
                stack.start(command)
            stack.start_web()
            _wait_for_something(stack)
            yield stack
        except BaseException:
            print(stack.logs())
            raise
        finally:
            stack.stop()


def _prepare(stack: Stack, past: Mapping[Timeframe, int]) -> None:
    with ThreadPoolExecutor() as pool:
        setting_up = pool.submit(_set_up, stack)
        service = _service_with_candles(stack.directory)
        when = closes(past, BEGINS_MS)
        speak(service, stack.url, VENUE, DEFAULT_SIGNAL_SYMBOLS, when)
        setting_up.result()


def _set_up(stack: Stack) -> None:
    give_static_files(stack.env)
    give_database(stack.env)
    done = subprocess.run(
        [sys.executable, "manage.py", "setup_instance"],
        cwd=ROOT,
        env=stack.env,
        check=True,
        capture_output=True,
        text=True,
    )
    told = re.search(r"name (\S+), password (\S+)", done.stdout)
    if told is None:
        raise RuntimeError(f"no account was made: {done.stdout}")
    stack.account = told[1], told[2]


def _service_with_candles(directory: Path) -> InferenceService:
    store = CandleStore(directory / "candles")
    folders = [CANDLES / timeframe for timeframe in SIGNAL_TIMEFRAMES]
    _, errors = Importer(store, EXCHANGE, ZoneInfo("UTC")).run(
        folders, None, None, time.time() * 1e3
    )
    if errors:
        raise RuntimeError(f"candles could not be imported: {errors}")
    registry = ModelRegistry(ROOT / "models", directory, "cpu")
    return InferenceService(registry, store, EXCHANGE, _no_moment, refresh_seconds=None)


def _no_moment() -> Moment:
    raise RuntimeError("each close is its own moment")


def _wait_for_something(stack: Stack) -> None:
    coins = len(DEFAULT_SIGNAL_SYMBOLS) * len(SIGNAL_TIMEFRAMES)
    with stack.client() as client:
        eventually_sync(lambda: client.exists(*_states()) == coins)
    eventually_sync(lambda: stack.count("forecastoutcome") >= 2)
    eventually_sync(lambda: stack.count("signaloutcome") >= 400)


def _states() -> list[str]:
    return [
        keys.sig(symbol, timeframe)
        for symbol in DEFAULT_SIGNAL_SYMBOLS
        for timeframe in SIGNAL_TIMEFRAMES
    ]
