"""How fast recorded frames become features, and how soon in real time.

    python benchmarks/feed.py [--seconds N]

frames_per_s: frames through decode, book, windows, features and hot state on one core, with
Redis on another. floor_frames_per_s: the same frames through the fastest JSON reader alone
(msgspec into typed structs). wire_to_feature: in real time, from the moment a cell is due
(or its newest event arrived, if later) to Redis's acknowledgement; `with_slot` counts from each
event's arrival, and so includes the wait for the 100-ms slot that the contract sets.
recorded_ratio: frames_per_s while everything is recorded, on the same one core, over
frames_per_s; in real time everything is recorded.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import redis

from benchmarks.percentiles import percentile
from benchmarks.private_redis import private_redis
from market.events import Heartbeat
from market.feeds import Batch
from market.feeds.opening import OpenedFeed
from market.feeds.replay import ReplayFeed
from market.feeds.wire import FrameError, decode_frame
from market.pump import Pump
from market.recording.recorder import RecordingPlan
from market.recording.upkeep import Upkeep

ROUNDS = 5


def recording() -> Path:
    shared = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared")
    return shared / "data" / "frames" / "binance-spot-btcusdt"


def floor(lines: list[bytes]) -> float:
    """Return frames a second of decoding alone."""
    started = time.perf_counter()
    for line in lines:
        try:
            decode_frame(line)
        except FrameError:
            continue
    return len(lines) / (time.perf_counter() - started)


def through_the_house(
    path: Path, client: redis.Redis, frames: int, recording: RecordingPlan | None = None
) -> float:
    """Return frames a second from file to hot state, as fast as it goes."""
    feed = ReplayFeed([path], preroll_ms=0)
    opened = OpenedFeed(feed, "bench/1", False, 10_000.0, False)
    pump = Pump(opened, client, lambda: False, recording=recording)
    started = time.perf_counter()
    pump.run()
    return frames / (time.perf_counter() - started)


def real_time(
    path: Path, client: redis.Redis, seconds: float, plan: RecordingPlan
) -> dict[str, float]:
    """Play in real time for a while; return the percentiles of wire to feature."""
    feed = ReplayFeed([path], preroll_ms=0)
    ends = time.monotonic() + seconds
    opened = OpenedFeed(feed, "bench/2", False, 1.0, False)
    pump = Pump(opened, client, lambda: time.monotonic() > ends, recording=plan)
    due_ms: list[float] = []
    event_ms: list[float] = []

    def written(batch: Batch, wall: float) -> None:
        market = pump.market_time
        if market is None:
            return
        due_ms.append(wall * 1e3 - market.wall_at(batch.until_ms))
        event_ms.extend(
            wall * 1e3 - market.wall_at(event.recv_ns / 1e6)
            for event in batch.events
            if type(event) is not Heartbeat
        )

    pump.on_written = written
    pump.run()
    return {
        "wire_to_feature_p50_ms": round(percentile(due_ms, 0.5), 2),
        "wire_to_feature_p99_ms": round(percentile(due_ms, 0.99), 2),
        "wire_to_feature_with_slot_p99_ms": round(percentile(event_ms, 0.99), 2),
    }


def lines_of(path: Path) -> Iterator[bytes]:
    for file in sorted(path.glob("*.gz")):
        with gzip.open(file, "rb") as stream:
            yield from stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of real time")
    seconds = parser.parse_args().seconds
    path = recording()
    lines = list(lines_of(path))
    with (
        private_redis() as (url, _),
        redis.Redis.from_url(url, decode_responses=True) as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        plan = RecordingPlan(Path(folder) / "real-time", 1)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        floors, rates, recorded = [], [], []
        for number in range(ROUNDS):
            floors.append(floor(lines))
            client.flushall()
            rates.append(through_the_house(path, client, len(lines)))
            client.flushall()
            # The process that seals an ended hour has cores of its own in real life.
            Upkeep.look = _no_upkeep  # type: ignore[method-assign,assignment]
            spooled = RecordingPlan(Path(folder) / str(number), 1)
            recorded.append(through_the_house(path, client, len(lines), spooled))
        os.sched_setaffinity(0, cores)
        client.flushall()
        latencies = real_time(path, client, seconds, plan)
    figures = {
        "frames_per_s": round(percentile(rates, 0.5)),
        "floor_frames_per_s": round(percentile(floors, 0.5)),
        "recorded_ratio": round(percentile(recorded, 0.5) / percentile(rates, 0.5), 3),
        "frames": len(lines),
        "kinds": dict(Counter(_kind(line) for line in lines)),
    }
    print(json.dumps(figures | latencies))


def _no_upkeep(upkeep: Upkeep, *, again: bool = False) -> None:
    return None


def _kind(line: bytes) -> str:
    name = line[20:].split(b'"', 4)
    return name[3].decode().split("@")[-1] if len(name) > 3 and b"@" in name[3] else "snapshot"


if __name__ == "__main__":
    main()
