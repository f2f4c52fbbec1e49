"""What 34 live symbols cost, how soon they are features, and how that compares with ccxt alone.

    python benchmarks/live_feed.py [--seconds N] [--rounds N]

A fake exchange, a process of its own, serves the recordings of BTCUSDT, ETHUSDT and NEXOUSDT under
34 names, a third of them at the rates of each: 12 busy, 11 less so, 11 quiet. All symbols of one
recording speak in the same instant, which is harder than a market is.

In real time, for N seconds: the market process as `run_market_feed` runs it, with books, features
into Redis, candles and recording. cpu_percent: of one core, its children included.
wire_to_feature: from the moment a cell is due (or its newest event arrived, if later) to Redis's
acknowledgement; `with_slot` counts from each event's arrival (every 16th), and so includes the
wait for the 100-ms slot that the contract sets.

At full speed, in alternating rounds, each client on one core, the server on
another: messages_per_s is what link, cells, books and features take in, bare_ccxt_messages_per_s
what ccxt's own `watch_*` does that throws its answers away; medians, and their ratio.
`client_cpu_shares`: near 1 where the clients and not the server are the limit.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil

from benchmarks.feed import recording
from benchmarks.percentiles import percentile
from benchmarks.private_redis import private_redis
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.ports import free_port

SYMBOLS = DEFAULT_SIGNAL_SYMBOLS
SHOWN = ("binance-spot-btcusdt", "binance-spot-ethusdt", "binance-spot-nexousdt")
WARM_UP_SECONDS = 20.0
ROUND_SECONDS = 8.0
START_SECONDS = 60.0


@contextmanager
def exchange(folder: Path, *, speed: float, cores: list[int]) -> Iterator[str]:
    """Serve the recordings from a process of its own; yield its URL."""
    port = free_port()
    recordings = [str(recording().parent / name) for name in SHOWN]
    asked = ["--port", str(port), "--speed", str(speed), "--recordings", *recordings]
    server = subprocess.Popen(
        [sys.executable, "manage.py", "fake_exchange", *asked, "--symbols", *SYMBOLS],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
    )
    try:
        psutil.Process(server.pid).cpu_affinity(cores)
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/api/v3/time", server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def real_time(url: str, folder: Path, redis_url: str, seconds: float) -> dict[str, Any]:
    """Let the market process follow the exchange; return what it cost and how late it was."""
    told = folder / "told.json"
    env = os.environ | {
        "VAR_DIR": str(folder),
        "REDIS_URL": redis_url,
        "MARKET_SOURCE": "live",
        "EXCHANGE_URL": url,
        "FORECAST_SYMBOLS": ",".join(SYMBOLS),
        "SIGNAL_SYMBOLS": ",".join(SYMBOLS),
    }
    command = [sys.executable, "-m", "benchmarks.measured_market", str(seconds), str(told)]
    market = subprocess.Popen(command, cwd=ROOT, env=env, stdout=sys.stderr)
    try:
        process = psutil.Process(market.pid)
        time.sleep(WARM_UP_SECONDS)
        began, before = time.monotonic(), _cpu_seconds(process)
        market.send_signal(signal.SIGUSR1)
        time.sleep(seconds - 0.5)
        passed, used = time.monotonic() - began, _cpu_seconds(process) - before
        memory = process.memory_info().rss
        market.wait(30)
    finally:
        market.kill()
    written = json.loads(told.read_text())
    return {
        "cpu_percent": round(100 * used / passed, 1),
        "wire_to_feature_p50_ms": round(percentile(written["late_ms"], 0.5), 2),
        "wire_to_feature_p99_ms": round(percentile(written["late_ms"], 0.99), 2),
        "wire_to_feature_with_slot_p99_ms": round(percentile(written["with_slot_ms"], 0.99), 2),
        "real_time_messages_per_s": round(written["messages"] / seconds),
        "real_time_seconds": seconds,
        "cells": written["cells"],
        "synced": written["synced"],
        "memory_mb": round(memory / 2**20),
        "counters": written["counters"],
    }


def full_speed(folder: Path, rounds: int, cores: list[int]) -> dict[str, Any]:
    """Let both clients take what they can, in turn; a server a round, as it limits requests."""
    told: dict[str, list[dict[str, Any]]] = {"house": [], "ccxt": []}
    for _ in range(rounds):
        with exchange(folder, speed=0.0, cores=cores[:1]) as url:
            for client, rates in told.items():
                rates.append(_client(client, url, cores[-1]))
                print(f"{client}: {rates[-1]}", file=sys.stderr)
    house, bare = (median(each["messages_per_s"] for each in rates) for rates in told.values())
    return {
        "messages_per_s": house,
        "bare_ccxt_messages_per_s": bare,
        "ratio": round(house / bare, 2),
        "client_cpu_shares": {
            name: min(each["cpu_share"] for each in rates) for name, rates in told.items()
        },
    }


def _client(name: str, url: str, core: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.live_clients", name, url, str(ROUND_SECONDS)]
    started = subprocess.Popen([*command, *SYMBOLS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    psutil.Process(started.pid).cpu_affinity([core])
    output, _ = started.communicate(timeout=120)
    if started.returncode:
        raise SystemExit(f"{name} ended with {started.returncode}")
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def _cpu_seconds(process: psutil.Process) -> float:
    times = [process.cpu_times(), *(each.cpu_times() for each in process.children(recursive=True))]
    ended = times[0].children_user + times[0].children_system
    return float(sum(each.user + each.system for each in times) + ended)


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  (of ours)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the fake exchange does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of real time")
    parser.add_argument("--rounds", type=int, default=5, help="of each client at full speed")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    figures: dict[str, Any] = {"symbols": len(SYMBOLS)}
    with tempfile.TemporaryDirectory() as name, private_redis() as (redis_url, _):
        folder = Path(name)
        with exchange(folder, speed=1.0, cores=cores) as url:
            figures |= real_time(url, folder, redis_url, options.seconds)
        figures |= full_speed(folder, options.rounds, cores)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
