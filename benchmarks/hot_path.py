"""What one tick costs, beside the least it could cost and beside the specification's way.

    python benchmarks/hot_path.py [--symbols N]

floor: raw hiredis on a blocking socket, one read pipeline, a bare `session.run`, one write
pipeline with the same bytes. spec: four concurrent `hgetall`, `scaler.transform`,
`session.run`, `hset`, `expire` a symbol, as the document writes it. All three run on the same
server and network in alternating rounds; figures are medians over rounds. The process figures
(`rss_mb`, `cold_start_s`) are of `manage.py run_inference_loop` itself.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import hiredis
import numpy as np
import redis
import redis.asyncio
from sklearn.preprocessing import StandardScaler

from benchmarks.percentiles import median_percentile
from benchmarks.private_redis import private_redis
from inference.artefacts.registry import Registry
from inference.config import RedisConfig, ServiceConfig
from inference.forecasts.engine import Engine
from inference.forecasts.entry import TickEntry
from inference.forecasts.forecaster import Speaker
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.publisher import symbol_values, tick_message, tick_values
from inference.forecasts.reading import NUMBER_FIELDS
from inference.forecasts.schedule import Due
from inference.forecasts.scripts import SYMBOL_FIELDS, TICK_FIELDS
from inference.handover.fence import CHANNEL
from inference.handover.link import Pipeline, render
from inference.health import LoopStatus, ModelStatus
from inference.metrics import LoopMetrics
from market import keys
from market.clock import MarketTime
from market.hot.vector import FEATURE_NAMES

ROUNDS = 7


def fill(client: redis.Redis, symbols: list[str]) -> None:
    """Write hot state as the feed does, now."""
    rng = np.random.default_rng(1)
    pipeline = client.pipeline(transaction=False)
    for symbol in symbols:
        fields: dict[Any, Any] = {name: repr(float(rng.random())) for name in FEATURE_NAMES}
        fields |= {"price": "61837.63", "mid_price": "61837.635", "price_volatility": "0.9"}
        fields |= {"feature_ts": repr(time.time()), "completeness": "1.0", "venue": "bench"}
        fields |= {"event_ts_ms": "1723161254087", "exchange_ts_ms": "1723161255343"}
        pipeline.hset(keys.feat(symbol), mapping=fields)
        pipeline.hset(keys.ob(symbol), mapping={"bid": "61837.63", "ask": "61837.64"})
        for window in ("1s", "5s"):
            pipeline.hset(keys.tr(symbol, window), mapping={"count": "3", "volume": "1.5"})
    utc: Any = MarketTime("bench", False, 0.0, 0.0, 1.0).to_hash()
    pipeline.hset(keys.clock(), mapping=utc)
    pipeline.execute()


class Ours:
    """The loop's own tick, `Ticker.run`, on ticks that follow each other."""

    def __init__(self, url: str, symbols: list[str], engine: Engine) -> None:
        config = ServiceConfig(redis=RedisConfig(socket_timeout_seconds=5.0))
        self.loop = ForecastLoop(
            config=config,
            symbols=tuple(symbols),
            speaker=Speaker(engine, "bench", "bench", "champion", "0" * 64),
            redis_url=url,
            status=LoopStatus("bench", 2, ModelStatus("bench", loaded=True), 5),
            metrics=LoopMetrics(),
            stopping=lambda: False,
        )
        self.tick = round(time.time() / 2) + 10**6
        self.reads: list[float] = []
        self.models: list[float] = []
        self.entry: TickEntry | None = None

    async def start(self) -> None:
        assert await self.loop.take_lead()

    async def run(self, count: int) -> list[float]:
        taken = []
        held = self.loop.lead.held
        assert held is not None
        for _ in range(count):
            self.tick += 1
            due = Due(self.tick, round(time.time() * 1e3), 0.0, 0)
            result = await self.loop.ticker.run(due, held)
            assert result is not None and result.entry is not None
            assert result.report.model == result.report.symbols, result.entry.reasons
            self.entry = result.entry
            taken.append(result.report.total_ms)
            self.reads.append(result.report.read_ms)
            self.models.append(result.report.model_ms)
        return taken


class Floor:
    """The least: no validation, no fallbacks, no fence, no chain; bytes rendered beforehand."""

    def __init__(self, url: str, symbols: list[str], session: Any, entry: TickEntry) -> None:
        parts = urlsplit(url)
        self._socket = socket.socket(socket.AF_UNIX if parts.scheme == "unix" else socket.AF_INET)
        self._socket.connect(parts.path if parts.scheme == "unix" else (parts.hostname, parts.port))
        password = parts.password or parse_qs(parts.query).get("password", [""])[0]
        self._reader = hiredis.Reader()
        if password:
            self._exchange(render([("AUTH", password)]))
        reads = [("HMGET", keys.feat(s), *NUMBER_FIELDS, "venue") for s in symbols]
        reads += [("HMGET", keys.ob(s), "bid", "ask") for s in symbols]
        self._read = render(reads)
        writes: list[tuple[str | bytes, ...]] = []
        rows = entry.numbers.T.tolist()
        names, shared = (*TICK_FIELDS, *SYMBOL_FIELDS), tick_values(entry)
        for symbol, said in zip(symbols, symbol_values(entry, rows), strict=True):
            values = (*shared, *said)
            fields = [part for pair in zip(names, values, strict=True) for part in pair]
            writes += [("HSET", keys.pred(symbol), *fields), ("EXPIRE", keys.pred(symbol), "60")]
        packed = json.dumps(tick_message(entry, rows)).encode()
        writes += [("XADD", "log:floor", "*", "entry", entry.pack()), ("PUBLISH", CHANNEL, packed)]
        self._write = render(writes)
        self._session = session
        self._features = np.ascontiguousarray(entry.features, dtype=np.float32)

    def run(self, count: int) -> list[float]:
        taken = []
        for _ in range(count):
            started = time.perf_counter_ns()
            self._exchange(self._read)
            self._session.run(None, {"features": self._features})
            self._exchange(self._write)
            taken.append((time.perf_counter_ns() - started) / 1e6)
        return taken

    def _exchange(self, pipeline: Pipeline) -> None:
        self._socket.sendall(pipeline.packed)
        left = pipeline.count
        while left:
            self._reader.feed(self._socket.recv(1 << 20))
            while left and self._reader.gets() is not False:
                left -= 1


class Spec:
    """The document's own code path, symbol after symbol."""

    def __init__(self, url: str, symbols: list[str], session: Any) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, decode_responses=True)
        self._symbols = symbols
        self._session = session
        self._scaler = StandardScaler().fit(np.random.default_rng(0).random((100, 20)))

    async def run(self, count: int) -> list[float]:
        taken = []
        for _ in range(count):
            started = time.perf_counter_ns()
            for symbol in self._symbols:
                await self._predict(symbol)
            taken.append((time.perf_counter_ns() - started) / 1e6)
        return taken

    async def _predict(self, symbol: str) -> None:
        _, _, _, features = await asyncio.gather(
            self._redis.hgetall(keys.ob(symbol)),
            self._redis.hgetall(keys.tr(symbol, "1s")),
            self._redis.hgetall(keys.tr(symbol, "5s")),
            self._redis.hgetall(keys.feat(symbol)),
        )
        vector = np.array([float(features[name]) for name in FEATURE_NAMES]).reshape(1, -1)
        scaled = self._scaler.transform(vector.astype(np.float32)).astype(np.float32)
        answer = float(self._session.run(None, {"features": scaled})[0][0][0])
        now = int(time.time() * 1000)
        written: dict[Any, Any] = {
            "predicted_price": str(answer),
            "current_price": features["price"],
            "confidence": "0.8",
            "prediction_ts": str(now),
            "target_ts": str(now + 10_000),
            "model_version": "bench",
            "latency_ms": "1",
            "features_age_ms": "1",
            "source": "redis",
        }
        await self._redis.hset(keys.pred(symbol), mapping=written)
        await self._redis.expire(keys.pred(symbol), 60)


def process_figures(
    url: str, var_dir: Path, symbols: list[str], client: redis.Redis
) -> dict[str, float]:
    """Start the real command; return its resident memory after a few ticks and its start time."""
    client.delete(keys.lease("forecasts", 0))
    env = os.environ | {
        "REDIS_URL": url,
        "VAR_DIR": str(var_dir),
        "FORECAST_SYMBOLS": ",".join(symbols),
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "manage.py", "run_inference_loop"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        while not client.exists(keys.lease("forecasts", 0)):
            time.sleep(0.002)
            assert process.poll() is None, "the loop did not start"
        cold_start_s = time.perf_counter() - started
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            fill(client, symbols)
            time.sleep(1.0)
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident_kb = int(status.split("VmRSS:")[1].split()[0])
    finally:
        process.terminate()
        process.wait(10)
    return {"rss_mb": round(resident_kb / 1024, 1), "cold_start_s": round(cold_start_s, 2)}


async def measure(url: str, symbols: list[str], client: redis.Redis) -> dict[str, float]:
    model = Registry(configured="models/btc_predictor_v1.onnx", base_dir=ROOT, var_dir=ROOT).load()
    session = model.network.session
    engine = Engine(model)
    engine.warm_up(50, len(symbols))
    fill(client, symbols)
    ours = Ours(url, symbols, engine)
    await ours.start()
    await ours.run(20)
    assert ours.entry is not None
    floor, spec = Floor(url, symbols, session, ours.entry), Spec(url, symbols, session)
    count = 300 if len(symbols) < 50 else 60
    runs: dict[str, list[list[float]]] = {"ours": [], "floor": [], "spec": []}
    for _ in range(ROUNDS):
        fill(client, symbols)
        runs["floor"].append(floor.run(count))
        runs["ours"].append(await ours.run(count))
        fill(client, symbols)
        runs["spec"].append(await spec.run(max(3, count // len(symbols))))
    p50 = {name: median_percentile(values, 0.5) for name, values in runs.items()}
    return {
        "symbols": len(symbols),
        "p50_ms": round(p50["ours"], 3),
        "p99_ms": round(median_percentile(runs["ours"], 0.99), 3),
        "read_p99_ms": round(median_percentile([ours.reads], 0.99), 3),
        "model_p99_ms": round(median_percentile([ours.models], 0.99), 3),
        "floor_p50_ms": round(p50["floor"], 3),
        "floor_p99_ms": round(median_percentile(runs["floor"], 0.99), 3),
        "spec_p50_ms": round(p50["spec"], 3),
        "ratio_to_floor": round(p50["ours"] / p50["floor"], 2),
        "ratio_to_spec": round(p50["ours"] / p50["spec"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1)
    count = parser.parse_args().symbols
    symbols = ["BTCUSDT", *(f"COIN{index}USDT" for index in range(1, count))]
    with private_redis() as (url, var_dir), redis.Redis.from_url(url) as client:
        figures = asyncio.run(measure(url, symbols, client))
        figures |= process_figures(url, var_dir, symbols, client)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
