"""The signal loop and the recorder killed: each signal is made once and stored once."""

import sqlite3
from collections import Counter
from typing import Any

from inference.signals.entry import BatchEntry
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.ports import free_port
from tests.processes import Instance, running_instance
from tests.unit.signal_artefacts import write_pooled
from tests.waiting import PATIENCE_SECONDS, eventually_sync

COINS = ("BTCUSDT", "ETHUSDT")
# A 15-minute candle every six seconds: a market that is played much faster falls behind for good
# where the machine is busy.
FAST = {"MARKET_SOURCE": "simulated", "MARKET_SPEED": "150", "SIGNAL_SYMBOLS": ",".join(COINS)}

Key = tuple[str, str, int]


def said(instance: Instance) -> list[Key]:
    """Return what stands in the log: coin, timeframe, candle."""
    with instance.client() as client:
        found: Any = client.xrange(keys.log(SIGNALS))
    entries = [BatchEntry.unpack(fields[b"entry"]) for _, fields in found]
    return [
        (each.signal.symbol, each.signal.timeframe.value, each.signal.candle_open_ms)
        for entry in entries
        for each in entry.signals
    ]


def stored(instance: Instance) -> list[Key]:
    with sqlite3.connect(instance.directory / "cryptosite.sqlite3") as connection:
        rows = connection.execute("SELECT symbol, timeframe, candle_open FROM predictions_signal")
        return [tuple(row) for row in rows]


def candles(instance: Instance) -> int:
    return len({open_ms for _, timeframe, open_ms in said(instance) if timeframe == Timeframe.M15})


def test_killed_loop_and_recorder_leave_each_signal_said_and_stored_once(short_dir, instance_env):
    settings = FAST | {"SIGNALS_METRICS_PORT": str(free_port())}
    with running_instance(short_dir, instance_env, **settings) as instance:
        for timeframe in SIGNAL_TIMEFRAMES:
            write_pooled(instance.directory / "models", timeframe, symbols=COINS)
        instance.start("run_market_feed")
        loop = instance.start("run_signal_loop")
        eventually_sync(lambda: candles(instance) >= 2)
        standby = instance.start("run_signal_loop")
        recorder = instance.start("run_recorder")
        eventually_sync(lambda: stored(instance))
        recorder.kill()
        recorder.wait(PATIENCE_SECONDS)
        with instance.client() as client:
            eventually_sync(lambda: client.keys(keys.health("signals-standby-*")))
        loop.kill()
        before = candles(instance)
        eventually_sync(lambda: candles(instance) > before + 1)
        instance.start("run_recorder")
        last = said(instance)[-1]
        eventually_sync(lambda: last in stored(instance))
        assert standby.poll() is None
        assert set(Counter(stored(instance)).values()) == {1}
        assert set(Counter(said(instance)).values()) == {1}
        made = said(instance)
        assert set(made[: made.index(last) + 1]) <= set(stored(instance))
