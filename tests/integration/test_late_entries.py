"""What reached its log after its own target is marked late; a gap stays a gap."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from inference.signals.entry import Said
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from predictions.models import Forecast, Signal
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.ledger import FIRST_TICK_MS, drain, new_recorder, publish, tick_entry
from tests.integration.test_signal_recorder import batch
from tests.signal_loops import make_signal
from tests.waiting import PATIENCE_SECONDS, eventually_sync

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
HORIZON_MS = 10_000

PAUSED_WRITER = """
import os, signal, sys, time
import django
import redis

django.setup()
from market import keys
from tests.integration.ledger import tick_entry

now_ms = time.time_ns() // 1_000_000
times = {"tick": now_ms // 2000, "tick_ms": now_ms, "made_ms": now_ms + 1, "horizon_ms": 200}
entry = tick_entry(live=True, venue="paused", **times).pack()
os.kill(os.getpid(), signal.SIGSTOP)
redis.Redis.from_url(sys.argv[1]).xadd(keys.log("forecasts"), {"entry": entry})
"""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.mark.parametrize(
    ("live", "reached_ms", "late"),
    [
        (True, HORIZON_MS - 1, False),
        (True, HORIZON_MS, True),
        # In a replay the log's clock says nothing about the market's.
        (False, HORIZON_MS, False),
    ],
)
def test_forecast_that_reached_the_log_at_its_target_is_late(
    client: redis.Redis, live: bool, reached_ms: int, late: bool
) -> None:
    reached = f"{FIRST_TICK_MS + reached_ms}-0"
    client.xadd(keys.log(FORECASTS), {"entry": tick_entry(live=live).pack()}, id=reached)

    drain(new_recorder(client))

    # Committed now, long after its target either way.
    assert Forecast.objects.get().late is late


@pytest.mark.parametrize(("made_ms", "late"), [(HORIZON_MS - 0.5, False), (HORIZON_MS, True)])
def test_forecast_that_was_made_at_its_target_is_late(
    client: redis.Redis, made_ms: float, late: bool
) -> None:
    publish(client, tick_entry(made_ms=FIRST_TICK_MS + made_ms))

    drain(new_recorder(client))

    assert Forecast.objects.get().late is late


def test_forecast_of_a_writer_that_was_paused_past_its_target_is_late(
    client: redis.Redis, redis_url: str
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", PAUSED_WRITER, redis_url], cwd=ROOT)
    try:
        _, status = os.waitpid(writer.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        stopped_ms = time.time() * 1000
        eventually_sync(lambda: time.time() * 1000 > stopped_ms + 250)
        writer.send_signal(signal.SIGCONT)
        assert writer.wait(PATIENCE_SECONDS) == 0
    finally:
        if writer.poll() is None:
            writer.kill()

    drain(new_recorder(client))

    row = Forecast.objects.get()
    assert row.late
    assert row.made_ts < row.target_ts <= row.leaf.stream_ms


@pytest.mark.parametrize(("after_ms", "late"), [(0, False), (1, True)])
def test_signal_that_reached_the_log_when_it_could_be_entered_no_more_is_late(
    client: redis.Redis, after_ms: int, late: bool
) -> None:
    said = make_signal(live=True, venue="binance")
    packed = batch(Said(said), live=True, venue="binance").pack()
    reached = f"{said.valid_until_ms + after_ms}-0"
    client.xadd(keys.log(SIGNALS), {"entry": packed}, id=reached)

    recorder = SignalRecorder(LogReader(client, SIGNALS, "one"))
    while recorder.step():
        pass

    assert Signal.objects.get().late is late


def test_tick_that_is_missing_leaves_no_row(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(2, {"BTCUSDT": 100.0, "ETHUSDT": 20.0}))

    drain(new_recorder(client))

    rows = Forecast.objects.order_by("tick", "symbol").values_list("prediction_ts", "symbol")
    assert list(rows) == [
        (FIRST_TICK_MS, "BTCUSDT"),
        (FIRST_TICK_MS + 4_000, "BTCUSDT"),
        (FIRST_TICK_MS + 4_000, "ETHUSDT"),
    ]
