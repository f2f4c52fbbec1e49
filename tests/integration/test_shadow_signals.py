"""`run_shadow` over real Redis and candles: challengers answer each of the leader's batches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from inference.artefacts.signal_registry import ModelRegistry
from inference.artefacts.versions import Slot, VersionStore
from inference.config import RedisConfig
from inference.handover.chain import entry_hash
from inference.shadows.shards import shard_of
from inference.signals.entry import BatchEntry, Said
from inference.signals.loop import SignalLoop
from inference.signals.metrics import SignalMetrics
from inference.signals.moment import Moment
from inference.signals.service import InferenceService
from inference.signals.status import SignalStatus
from inference.vocabulary import SIGNALS, Role
from market import keys
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.clock import MarketTime
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.signal_chore import SignalGrading
from predictions.models import Signal, SignalOutcome
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.ledger import FakeLayer
from tests.integration.shadow_stage import shadowing
from tests.integration.watched_signals import entries, running
from tests.made_candles import walk
from tests.signal_loops import M15, VENUE, announce, make_signal, set_clock
from tests.unit.signal_artefacts import NOW_MS, SYMBOLS, candles, write_folder, write_pooled
from tests.waiting import eventually

SLOT = Slot(SIGNALS, M15)
TRIAL = "trial-15m-2"
OPEN_MS = NOW_MS - M15.ms


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    """Candles of three coins up to NOW_MS, under the running market's venue."""
    store = CandleStore(tmp_path / "candles")
    for number, symbol in enumerate(SYMBOLS):
        store.upsert(VENUE, symbol, M15, candles(M15, seed=number))
    return store


def put_on_trial(var_dir: Path, *versions: str, **changes: Any) -> VersionStore:
    """Let these be on trial at 15m, each the leader's own network unless changes say otherwise."""
    versioned = VersionStore(var_dir)
    for version in versions:
        write_folder(versioned.folder(SLOT, version), timeframe=M15, version=version, **changes)
    versioned.set_shadows(SLOT, versions)
    return versioned


@asynccontextmanager
async def leading(
    redis_url: str, client: redis.Redis, var_dir: Path, store: CandleStore
) -> AsyncIterator[SignalLoop]:
    """The signal loop itself, over these candles, from the close at NOW_MS on."""
    write_pooled(var_dir / "models", M15, version="leader-15m-1")
    service = InferenceService(
        ModelRegistry(var_dir / "none", var_dir),
        store,
        "binance",
        lambda: Moment(VENUE, False, 0.0),
        refresh_seconds=None,
    )
    set_clock(client, NOW_MS + 400)
    loop = SignalLoop(
        symbols=SYMBOLS,
        exchange="binance",
        predictor=service,
        refresh=lambda: None,
        redis_url=redis_url,
        redis_config=RedisConfig(socket_timeout_seconds=0.5),
        status=SignalStatus(),
        metrics=SignalMetrics(),
        stopping=lambda: False,
    )
    async with running(loop):
        yield loop


def spoken(client: redis.Redis, version: str) -> list[BatchEntry]:
    return [
        entry
        for entry in entries(client)
        if entry.signals and entry.signals[0].signal.model_version == version
    ]


async def said(client: redis.Redis, version: str, count: int) -> list[BatchEntry]:
    await eventually(lambda: len(spoken(client, version)) >= count)
    return spoken(client, version)


@pytest.mark.django_db(transaction=True)
async def test_challenger_answers_the_same_candles_and_is_graded_alike(
    redis_url, binary, tmp_path, store
):
    put_on_trial(tmp_path, TRIAL)
    set_clock(binary, NOW_MS + 400)
    async with shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        async with leading(redis_url, binary, tmp_path, store):
            (ours,) = await said(binary, TRIAL, 1)
    (theirs,) = spoken(binary, "leader-15m-1")
    assert (ours.shard, ours.gaps, ours.timeframe) == (shard_of(SLOT, TRIAL), [], M15)
    for mine, leaders in zip(ours.signals, theirs.signals, strict=True):
        assert mine.revision == leaders.revision == 0
        assert mine.signal.role is Role.SHADOW
        assert mine.signal.probabilities == leaders.signal.probabilities
        assert mine.signal.features == leaders.signal.features
        assert (mine.signal.symbol, mine.signal.entry) == (
            leaders.signal.symbol, leaders.signal.entry,
        )  # fmt: skip
        assert mine.signal.made_ms >= leaders.signal.made_ms
    for symbol in SYMBOLS:
        assert b"leader-15m-1" in binary.get(keys.sig(symbol, M15))
    told = await asyncio.to_thread(graded, binary, store)
    assert told == ["leader-15m-1"] * len(SYMBOLS)
    rows = [row async for row in Signal.objects.select_related("outcome").order_by("id")]
    by_role = {
        role: {row.symbol: row.outcome.touched for row in rows if row.role == role}
        for role in (Role.CHAMPION, Role.SHADOW)
    }
    assert set(by_role[Role.SHADOW]) == set(SYMBOLS)
    assert by_role[Role.SHADOW] == by_role[Role.CHAMPION]


def graded(client: redis.Redis, store: CandleStore) -> list[str]:
    """Record and grade; return the versions whose outcomes were shown to the pages."""
    recorder = SignalRecorder(LogReader(client, SIGNALS, "one"))
    while recorder.step():
        pass
    end_ms = NOW_MS + 13 * M15.ms
    for number, symbol in enumerate(SYMBOLS):
        path = walk(12, seed=number, step_ms=M15.ms, start_ms=NOW_MS)
        store.upsert(VENUE, symbol, M15, path, closed_by_ms=np.inf)
    layer = FakeLayer()
    clock = FakeClock(MarketTime(VENUE, False, float(end_ms), 0.0, 0.0))
    chore = SignalGrading(clock, store, "binance", 10.0, OutcomeBroadcast(layer))
    while chore.run():
        pass
    assert SignalOutcome.objects.count() == Signal.objects.count() == 2 * len(SYMBOLS)
    frames = [frame for _, message in layer.sent for frame in message["frames"]]
    versions = dict(Signal.objects.values_list("id", "model_version"))
    return [versions[frame["signal_id"]] for frame in frames]


@dataclass
class FakeClock:
    market: MarketTime

    def market_time(self) -> MarketTime:
        return self.market


def signal_at(made_ms: int) -> BatchEntry:
    """Return a leader's batch of one signal of the candle at NOW_MS."""
    given: dict[str, Any] = {"candle_open_ms": OPEN_MS, "made_ms": made_ms, "model_version": "old"}
    said_ = Said(make_signal(SYMBOLS[0], M15, **given))
    return BatchEntry(
        venue=VENUE, live=False, batch=made_ms, timeframe=M15, made_ms=made_ms, missed=0,
        shard=0, token=1, signals=[said_], gaps=[],
    )  # fmt: skip


def restated(symbol: str) -> CandleSeries:
    """Return the newest candle with another close."""
    newest = candles(M15, seed=SYMBOLS.index(symbol))[-1:]
    newest.close[:] *= 1.0001
    newest.high[:] = np.maximum(newest.high, newest.close)
    return newest


async def test_revisions_follow_the_leaders(redis_url, binary, tmp_path, store):
    put_on_trial(tmp_path, TRIAL)
    set_clock(binary, NOW_MS + 400)
    async with shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        async with leading(redis_url, binary, tmp_path, store):
            await said(binary, TRIAL, 1)
            store.upsert(VENUE, "ETHUSDT", M15, restated("ETHUSDT"))
            announce(binary, OPEN_MS, "ETHUSDT")
            first, second = await said(binary, TRIAL, 2)
    (again,) = second.signals
    assert (again.signal.symbol, again.revision) == ("ETHUSDT", 1)
    assert again.signal.entry != first.signals[1].signal.entry
    assert second.prev == entry_hash(first.pack())
    assert second.batch > first.batch


async def test_restart_answers_what_is_still_valid_and_nothing_twice_or_late(
    redis_url, binary, tmp_path, store
):
    put_on_trial(tmp_path, TRIAL)
    set_clock(binary, NOW_MS + 400)
    async with leading(redis_url, binary, tmp_path, store):
        await eventually(lambda: spoken(binary, "leader-15m-1"))
        async with shadowing(redis_url, tmp_path) as shadow:
            await said(binary, TRIAL, 1)
        store.upsert(VENUE, "ETHUSDT", M15, restated("ETHUSDT"))
        announce(binary, OPEN_MS, "ETHUSDT")
        await eventually(lambda: len(spoken(binary, "leader-15m-1")) == 2)
        async with shadowing(redis_url, tmp_path) as shadow:
            await said(binary, TRIAL, 2)
        async with shadowing(redis_url, tmp_path) as shadow:
            await shadow.speaking(TRIAL)
            await eventually(lambda: shadow.caught_up(TRIAL))
    set_clock(binary, NOW_MS + M15.ms // 2)
    put_on_trial(tmp_path, TRIAL, "too-late")
    async with shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL, "too-late")
        await eventually(lambda: shadow.caught_up("too-late"))
        # A leader that is late itself leaves nothing to be in time for.
        late = signal_at(NOW_MS + M15.ms // 2)
        binary.xadd(keys.log(SIGNALS), {"entry": late.pack()})
        await eventually(lambda: shadow.status("too-late")["skipped"] == {"late": 1})
        assert shadow.status("too-late")["overdue_share"] is None
    assert spoken(binary, "too-late") == []
    batches = spoken(binary, TRIAL)
    assert [[each.signal.symbol for each in one.signals] for one in batches] == [
        list(SYMBOLS),
        ["ETHUSDT"],
    ]
    for before, after in pairwise(batches):
        assert after.prev == entry_hash(before.pack())


async def test_coin_that_the_version_serves_itself_is_left_out(redis_url, binary, tmp_path, store):
    put_on_trial(tmp_path, "leader-15m-1", TRIAL, symbols=SYMBOLS[:2])
    set_clock(binary, NOW_MS + 400)
    async with shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking("leader-15m-1", TRIAL)
        async with leading(redis_url, binary, tmp_path, store):
            (ours,) = await said(binary, TRIAL, 1)
            await eventually(lambda: shadow.status("leader-15m-1")["skipped"])
        assert shadow.status("leader-15m-1")["skipped"] == {"own": len(SYMBOLS)}
        assert shadow.status(TRIAL)["skipped"] == {"unknown_coin": 1}
    assert [each.signal.symbol for each in ours.signals] == list(SYMBOLS[:2])
    assert len(spoken(binary, "leader-15m-1")) == 1
