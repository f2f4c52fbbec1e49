"""A running forecast loop takes up what is promoted and rolled back, and misses no tick for it."""

import asyncio
import hashlib
import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from inference.artefacts.described import described
from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest import Manifest, manifest_path
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.config import HealthConfig, MetricsConfig, RedisConfig, ServiceConfig
from inference.forecasts import service
from inference.forecasts.entry import TickEntry
from inference.forecasts.service import ServiceSettings, serve
from inference.forecasts.ticking import TickResult
from inference.health import ModelStatus
from inference.vocabulary import FORECASTS
from market import keys
from market.clock import MarketTime
from predictions.models import Forecast
from predictions.promotion import standing
from tests.hot_state import make_loop, speaker, write_features
from tests.integration.ledger import drain, new_recorder
from tests.model_versions import add_version
from tests.ports import free_port
from tests.shipped import SHIPPED
from tests.waiting import eventually_sync

pytestmark = pytest.mark.django_db

SLOT = Slot(FORECASTS)
BEGIN_MS = 1_767_225_600_000
TICK_MS = 2_000
WHO: dict[str, Any] = {"by": "ann", "why": "a test"}


@dataclass
class Market:
    """A lock-step market with a service beside it: each tick is named, and waited for."""

    client: redis.Redis
    ticks: int = 0

    def tick(self) -> TickEntry:
        """Let the service run the next tick; return what it said."""
        now_ms = BEGIN_MS + self.ticks * TICK_MS
        self.ticks += 1
        mid = 60_000.0 * math.exp(1e-3 * math.sin(self.ticks))
        market = MarketTime("replay/test/1", False, market_ms=now_ms, wall_ms=0.0, speed=0.0)
        self.client.hset(keys.clock(), mapping=market.to_hash())
        write_features(self.client, price=mid, mid_price=mid, feature_ts=now_ms / 1e3 - 0.01)
        self.client.hset(keys.ob("BTCUSDT"), mapping={"bid": mid - 1, "ask": mid + 1})
        self.client.rpush(keys.ticks_due(), now_ms)
        done: Any = None

        def named() -> bool:
            nonlocal done
            done = self.client.blpop([keys.ticks_done()], timeout=1)
            return done is not None

        eventually_sync(named)
        assert int(done[1]) == now_ms
        return self.said[-1]

    def until(self, version: str) -> TickEntry:
        """Run ticks until one is said by that version; return its entry."""
        eventually_sync(lambda: self.tick().model_version == version)
        return self.said[-1]

    @property
    def said(self) -> list[TickEntry]:
        stream: Any = self.client.xrange(keys.log(FORECASTS))
        return [TickEntry.unpack(fields[b"entry"]) for _, fields in stream]

    @property
    def health(self) -> dict[str, Any]:
        eventually_sync(lambda: self.client.exists(keys.health("inference")))
        detail: Any = self.client.hget(keys.health("inference"), "detail")
        model: dict[str, Any] = json.loads(detail)["components"]["model"]
        return model


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    return VersionStore(tmp_path)


@contextmanager
def serving(redis_url: str, client: redis.Redis, var_dir: Path) -> Iterator[Market]:
    given = ServiceSettings(
        config=ServiceConfig(
            redis=RedisConfig(socket_timeout_seconds=5.0),
            health=HealthConfig(port=free_port()),
            metrics=MetricsConfig(enable_prometheus=False),
        ),
        symbols=("BTCUSDT",),
        redis_url=redis_url,
        base_dir=Path(django_settings.BASE_DIR),
        var_dir=var_dir,
        token="",
    )
    stopping = threading.Event()
    market = Market(client)
    clock = MarketTime("replay/test/1", False, market_ms=BEGIN_MS, wall_ms=0.0, speed=0.0)
    client.hset(keys.clock(), mapping=clock.to_hash())
    running = threading.Thread(target=lambda: asyncio.run(serve(given, stopping.is_set)))
    running.start()
    try:
        yield market
    finally:
        stopping.set()
        running.join()


def test_loop_switches_between_ticks_and_back_under_the_right_versions(
    store: VersionStore,
    redis_url: str,
    binary: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.2)
    add_version(store, SLOT, "v2")
    with serving(redis_url, binary, tmp_path) as market:
        before = [market.tick() for _ in range(8)][-1]
        assert before.model_version == SHIPPED
        assert before.column("interval_low")[0] != 0.0

        standing.promote(SLOT, "v2", **WHO)
        first = market.until("v2")
        assert first.sources == ["redis"]
        assert first.column("interval_low")[0] == 0.0
        for _ in range(5):  # outcomes of the version before come in, and teach it nothing
            assert market.tick().column("interval_low")[0] == 0.0
        market.tick()
        assert market.tick().column("interval_low")[0] != 0.0

        standing.roll_back(SLOT, **WHO)
        market.until(SHIPPED)
        _let_a_broken_version_serve(store)
        eventually_sync(lambda: market.tick() and market.health["refused"])
        assert "versions/forecasts/broken" in market.health["refused"][0]["path"]
        assert market.health["version"] == SHIPPED
        assert market.tick().sources == ["redis"]

    said = market.said
    assert [entry.tick_ms for entry in said] == [
        BEGIN_MS + index * TICK_MS for index in range(market.ticks)
    ]
    assert [version for version, _ in groupby(entry.model_version for entry in said)] == [
        SHIPPED,
        "v2",
        SHIPPED,
    ]
    drain(new_recorder(binary))
    rows = Forecast.objects.order_by("tick").values_list("model_version", flat=True)
    assert list(rows) == [entry.model_version for entry in said]


def test_loop_started_with_a_damaged_champion_lets_the_one_before_stand_in(
    store: VersionStore, redis_url: str, binary: redis.Redis, tmp_path: Path
) -> None:
    for version in ("v2", "v3"):
        add_version(store, SLOT, version)
        standing.promote(SLOT, version, **WHO)
    (store.folder(SLOT, "v3") / FORECASTER_NAME).write_bytes(b"damaged")

    with serving(redis_url, binary, tmp_path) as market:
        assert market.tick().model_version == "v2"
        (refused,) = market.health["refused"]
        assert (refused["code"], market.health["version"]) == ("digest_mismatch", "v2")


async def test_offer_in_mid_tick_waits_for_the_ticks_end(
    redis_url: str, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_features(clean_redis)
    loop = make_loop(redis_url)
    await loop.take_lead()
    status = ModelStatus("test-2", loaded=True)
    run, spoken = loop.ticker.run, []

    async def offered_meanwhile(*given: Any) -> TickResult | None:
        loop.offer(replace(speaker(), version="test-2"), status)
        result = await run(*given)
        spoken.append(loop.status.model.version)
        return result

    monkeypatch.setattr(loop.ticker, "run", offered_meanwhile)
    assert await loop.step()
    await loop.lead.give_back()

    assert loop.latest is not None
    assert (loop.latest.model_version, spoken) == ("test-1", ["test-1"])
    assert loop.ticker.forecaster.speaker.version == loop.status.model.version == "test-2"


def _let_a_broken_version_serve(store: VersionStore) -> None:
    # Its files are as its manifest says; only opening the network tells that it is none.
    whole = described(SLOT, add_version(store, SLOT, "whole"))
    assert isinstance(whole.manifest, Manifest)
    network = np.random.default_rng(1).bytes(2_000)
    digests = {**whole.manifest.files, FORECASTER_NAME: hashlib.sha256(network).hexdigest()}
    renamed = msgspec.structs.replace(whole.manifest, version="broken", files=digests)
    name = manifest_path(Path(FORECASTER_NAME)).name
    files = {**whole.files, name: msgspec.json.encode(renamed), FORECASTER_NAME: network}
    store.add(SLOT, "broken", files)
    with pytest.raises(ArtefactError, match="is not a network"):
        standing.promote(SLOT, "broken", **WHO)
    assert store.champion(SLOT) == SHIPPED
    store.set_champion(SLOT, "broken")  # as somebody does who moves the link by hand
