"""A running signal loop takes up what is promoted and rolled back, from the next candle on."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from pytest_django import Settings

from inference.artefacts.signal_registry import ModelRegistry
from inference.artefacts.versions import Slot, VersionStore
from inference.config import RedisConfig
from inference.signals import model_watch
from inference.signals.loop import SignalLoop
from inference.signals.metrics import SignalMetrics
from inference.signals.moment import Moment
from inference.signals.service import InferenceService
from inference.signals.status import SignalStatus
from inference.vocabulary import SIGNALS
from market.candles.indicators import CANDLES_NEEDED
from market.candles.store import CandleStore
from predictions.models import Signal
from predictions.promotion import standing
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.watched_signals import made
from tests.signal_loops import M15, VENUE, announce, set_clock
from tests.unit.signal_artefacts import NOW_MS, SYMBOLS, candles, write_folder, write_pooled
from tests.waiting import eventually_sync

pytestmark = pytest.mark.django_db

SLOT = Slot(SIGNALS, M15)
WHO: dict[str, Any] = {"by": "ann", "why": "a test"}


@contextmanager
def leading(redis_url: str, base: Path, store: CandleStore) -> Iterator[ModelRegistry]:
    registry = ModelRegistry(base / "models", base / "var")
    stopping = threading.Event()
    loop = _loop(redis_url, registry, store, stopping.is_set)
    running = threading.Thread(target=lambda: asyncio.run(loop().run()))
    running.start()
    try:
        yield registry
    finally:
        stopping.set()
        running.join()


def test_signals_of_each_candle_are_said_by_the_version_that_served_then(
    redis_url: str,
    binary: redis.Redis,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_watch, "REFRESH_SECONDS", 0.1)
    settings.BASE_DIR, settings.VAR_DIR = tmp_path, tmp_path / "var"
    write_pooled(tmp_path / "models", M15, version="shipped")
    folder = VersionStore(settings.VAR_DIR).folder(SLOT, "v2")
    write_folder(folder, timeframe=M15, version="v2", network={"seed": 2})
    store = CandleStore(tmp_path / "candles")
    for number, symbol in enumerate(SYMBOLS):
        walk = candles(M15, count=CANDLES_NEEDED + 2, seed=number, closed_ms=NOW_MS + 2 * M15.ms)
        store.upsert(VENUE, symbol, M15, walk, closed_by_ms=np.inf)
    set_clock(binary, NOW_MS + 400)

    with leading(redis_url, tmp_path, store) as registry:

        def close(candle: int) -> None:
            open_ms = NOW_MS + (candle - 1) * M15.ms
            set_clock(binary, open_ms + M15.ms + 400)
            announce(binary, open_ms, *SYMBOLS)
            eventually_sync(lambda: set(made(binary, open_ms)) == set(SYMBOLS))

        def taken_up(version: str) -> None:
            eventually_sync(lambda: {each.version for each in registry.served} == {version})

        close(0)
        standing.promote(SLOT, "v2", **WHO)
        taken_up("v2")
        close(1)
        standing.roll_back(SLOT, **WHO)
        taken_up("shipped")
        close(2)

    recorder = SignalRecorder(LogReader(binary, SIGNALS, "one"))
    while recorder.step():
        pass
    rows = Signal.objects.order_by("candle_close", "symbol")
    assert list(rows.values_list("candle_close", "symbol", "model_version")) == [
        (NOW_MS + candle * M15.ms, symbol, version)
        for candle, version in enumerate(("shipped", "v2", "shipped"))
        for symbol in sorted(SYMBOLS)
    ]


def _loop(
    redis_url: str, registry: ModelRegistry, store: CandleStore, stopping: Callable[[], bool]
) -> Callable[[], SignalLoop]:
    service = InferenceService(
        registry, store, "binance", lambda: Moment(VENUE, False, 0.0), refresh_seconds=None
    )
    # Made where it runs: its connections belong to that thread's loop.
    return lambda: SignalLoop(
        symbols=SYMBOLS,
        exchange="binance",
        predictor=service,
        refresh=registry.refresh,
        redis_url=redis_url,
        redis_config=RedisConfig(socket_timeout_seconds=2.0),
        status=SignalStatus(),
        metrics=SignalMetrics(),
        stopping=stopping,
    )
