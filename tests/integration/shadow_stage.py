"""Versions on trial over a lock-step market: a leader, its shadows, and what they wrote."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.conf import settings

from inference.artefacts.registry import Registry
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.config import RedisConfig, ServiceConfig
from inference.forecasts.engine import Engine
from inference.forecasts.entry import TickEntry
from inference.forecasts.forecaster import Speaker
from inference.forecasts.loop import ForecastLoop
from inference.handover.chain import EntryFormatError
from inference.shadows.process import ShadowProcess, ShadowSettings
from inference.vocabulary import FORECASTS, Role
from market import keys
from market.clock import MarketTime
from tests.hot_state import make_loop, write_features
from tests.shipped import SHIPPED
from tests.waiting import PATIENCE_SECONDS, eventually

SLOT = Slot(FORECASTS)
VENUE = "replay/1"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
BEGIN_MS = 1_767_225_600_000
TICK_MS = 2_000
CONFIG = ServiceConfig(redis=RedisConfig(socket_timeout_seconds=2.0))


def put_on_trial(var_dir: Path, *versions: str, damaged: tuple[str, ...] = ()) -> VersionStore:
    """Let these be the versions on trial: the shipped network, under each name."""
    store = VersionStore(var_dir)
    models = Path(settings.BASE_DIR) / "models"
    network = (models / FORECASTER_NAME).read_bytes()
    card = (models / "btc_predictor_v1.manifest.json").read_text()
    for version in versions:
        files: dict[str, bytes | Path] = {
            FORECASTER_NAME: network[:-100] if version in damaged else network,
            "btc_predictor_v1.manifest.json": card.replace(
                f'"version": "{SHIPPED}"', f'"version": "{version}"', 1
            ).encode(),
            **{
                name: models / name
                for name in ("btc_predictor_v1.card.md", "btc_predictor_v1.reference.json")
            },
        }
        store.add(SLOT, version, files)
    store.set_shadows(SLOT, versions)
    return store


def process_settings(redis_url: str, var_dir: Path, **changes: Any) -> ShadowSettings:
    base_dir = Path(settings.BASE_DIR)
    given = ShadowSettings(
        config=CONFIG,
        symbols=SYMBOLS,
        exchange="binance",
        base_dir=base_dir,
        candles_dir=var_dir / "candles",
        var_dir=var_dir,
        device="cpu",
        redis_url=redis_url,
    )
    return replace(given, **changes)


@dataclass
class Leader:
    """A forecast loop that leads in a lock-step market, a tick a call."""

    client: redis.Redis
    loop: ForecastLoop
    venue: str = VENUE
    ticks: int = 0
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    _mids: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 60_000.0))

    def speak_as(self, version: str) -> None:
        """Let the leader's network have another name from the next tick on."""
        forecaster = self.loop.ticker.forecaster
        forecaster.speaker = replace(forecaster.speaker, version=version, base_version=version)

    async def tick(self, *, stale: str = "", missing: str = "") -> None:
        """Let the market and the leader go on by one tick."""
        now_ms = BEGIN_MS + self.ticks * TICK_MS
        self.ticks += 1
        market = MarketTime(self.venue, live=False, market_ms=now_ms, wall_ms=0.0, speed=0.0)
        self.client.hset(keys.clock(), mapping=market.to_hash())
        for symbol in SYMBOLS:
            mid = self._mids[symbol] = self._mids[symbol] * math.exp(self._random.normal(0, 3e-4))
            feature_ts = now_ms / 1e3 - (9.0 if symbol == stale else 0.01)
            imbalance = float(np.tanh(self._random.normal()))
            write_features(
                self.client, symbol, mid_price=mid, price=mid, feature_ts=feature_ts,
                ob_imbalance=imbalance, price_volatility=1.0, venue=self.venue,
            )  # fmt: skip
            self.client.hset(keys.ob(symbol), mapping={"bid": mid - 1, "ask": mid + 1})
        if missing:
            self.client.delete(keys.feat(missing))
        await self.loop.ticker.look()  # a change of market costs it a tick else
        self.client.rpush(keys.ticks_due(), now_ms)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.loop.step():
                assert self.loop.lead.held is not None, "the lead was lost"
                await asyncio.sleep(0)


@asynccontextmanager
async def leading(
    redis_url: str, client: redis.Redis, version: str = "lead-1", **changes: Any
) -> AsyncIterator[Leader]:
    """A leader with the shipped network under a name of its own."""
    base_dir = Path(settings.BASE_DIR)
    model = Registry.from_config(CONFIG, base_dir, base_dir / "var").load_at(
        base_dir / "models" / FORECASTER_NAME
    )
    speaker = Speaker(Engine(model), version, version, Role.CHAMPION, model.digest)
    market = MarketTime(VENUE, live=False, market_ms=BEGIN_MS, wall_ms=0.0, speed=0.0)
    client.hset(keys.clock(), mapping=market.to_hash())
    given: dict[str, Any] = {"config": CONFIG, "symbols": SYMBOLS, "speaker": speaker}
    loop = make_loop(redis_url, **(given | changes))
    with pytest.MonkeyPatch.context() as patch:
        # It is stepped by hand, and nobody renews its lease between two steps.
        patch.setattr("inference.handover.lease.TTL_MS", 60_000)
        await loop.take_lead()
        try:
            yield Leader(client, loop)
        finally:
            await loop.run(0)


@dataclass
class Shadow:
    """A process of shadows inside the test's own."""

    process: ShadowProcess
    task: "asyncio.Task[None]"
    _stopped: list[bool]

    async def stop(self) -> None:
        self._stopped.append(True)
        await self.task

    def status(self, version: str) -> dict[str, Any]:
        voices: dict[str, dict[str, Any]] = {
            voice["version"]: voice for voice in self.process.status.document()["versions"]
        }
        return voices.get(version, {})

    def caught_up(self, version: str) -> bool:
        """Return whether a version has looked for what was said before, and nothing waits."""
        shadows = self.process._shadows
        loops = () if shadows is None else (shadows.forecasts, shadows.signals)
        return any(
            voice.idle
            for each in loops
            if each is not None
            for (_, name), voice in each.voices.items()
            if name == version and each.lead.held is not None
        )

    async def speaking(self, *versions: str) -> None:
        """Wait until these are loaded, and this process leads."""
        await eventually(
            lambda: (
                self.process.status.leading
                and all(self.status(version).get("state") == "speaking" for version in versions)
            )
        )


@asynccontextmanager
async def shadowing(redis_url: str, var_dir: Path, **changes: Any) -> AsyncIterator[Shadow]:
    """Run a process of shadows beside the test."""
    stopped: list[bool] = []
    stopping: Callable[[], bool] = lambda: bool(stopped)  # noqa: E731
    process = ShadowProcess(
        process_settings(redis_url, var_dir, **changes), stopping, look_seconds=0.1
    )
    shadow = Shadow(process, asyncio.create_task(process.run()), stopped)
    try:
        yield shadow
    finally:
        if not shadow.task.done():
            await shadow.stop()


def entries(client: redis.Redis) -> dict[str, list[TickEntry]]:
    """Return what each version has in the log. client: of bytes."""
    rows: Any = client.xrange(keys.log(FORECASTS))
    found: dict[str, list[TickEntry]] = {}
    for _, fields in rows:
        try:
            entry = TickEntry.unpack(fields[b"entry"])
        except (KeyError, EntryFormatError):
            continue
        found.setdefault(entry.model_version, []).append(entry)
    return found


async def said(client: redis.Redis, version: str, count: int) -> list[TickEntry]:
    """Wait until a version has said so many entries; return them."""
    await eventually(lambda: len(entries(client).get(version, [])) >= count)
    return entries(client)[version]
