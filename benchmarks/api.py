"""How many signals' lists a web process serves a second, beside a view that does nothing.

    python benchmarks/api.py [--rounds N] [--seconds S] [--connections N]

A web process of its own (`manage.py run_web`) with a token and the throttle on, at a rate that
refuses nobody; `sig:` holds signals of 34 coins. Rounds on kept-alive connections alternate
between `/api/predictions` and a view on the same server that returns as many constant bytes,
through the same middleware. Rates are medians over the rounds; p99_ms is of our endpoint.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import redis

from benchmarks.percentiles import median_percentile
from benchmarks.private_redis import private_redis
from inference.signals.live_accuracy import slot
from inference.signals.signal import Signal, SignalState, TakeProfit, encode_state
from inference.vocabulary import SIGNALS, Direction, Role, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import MarketTime
from market.symbols import DEFAULT_SIGNAL_SYMBOLS

ENDPOINT = "/api/predictions"
TOKEN = "a-token-of-the-benchmark"  # noqa: S105  (of a server that lives for this run)
VENUE = "simulated/bench"
START_SECONDS = 60


def a_signal(symbol: str, now_ms: int) -> Signal:
    timeframe = Timeframe.M15
    opened = timeframe.last_closed(now_ms)
    return Signal(
        symbol=symbol,
        timeframe=timeframe,
        venue=VENUE,
        live=False,
        direction=Direction.LONG,
        reason=SignalReason.NONE,
        confidence=0.4712345,
        probabilities=(0.2712345, 0.257531, 0.4712345),
        entry=42500.5,
        risk=600.25,
        stop_loss=41900.25,
        take_profits=tuple(TakeProfit(n, 42500.5 + n * 600.25) for n in (1, 2, 3)),
        tp_eta_minutes=45,
        tp_eta_low_minutes=15,
        tp_eta_high_minutes=150,
        candle_open_ms=opened,
        candle_close_ms=opened + timeframe.ms,
        provisional=False,
        made_ms=now_ms,
        model_version="pooled-15m-1",
        model_digest="d" * 64,
        role=Role.CHAMPION,
        model_accuracy=0.4123,
        threshold=0.42,
        features=(0.123456789,) * 14,
    )


def fill(url: str) -> None:
    """Write the market's time, a signal of every coin, and what their models were worth."""
    now_ms = time.time_ns() // 1_000_000
    with redis.Redis.from_url(url) as client:
        moment = MarketTime(VENUE, False, float(now_ms), float(now_ms), 1.0)
        client.hset(keys.clock(), mapping=moment.to_hash())
        for symbol in DEFAULT_SIGNAL_SYMBOLS:
            state = encode_state(SignalState(signal=a_signal(symbol, now_ms)))
            client.set(keys.sig(symbol, Timeframe.M15), state)
        measured = {
            slot(symbol, timeframe): {"pooled-15m-1": 0.4321}
            for symbol in DEFAULT_SIGNAL_SYMBOLS
            for timeframe in SIGNAL_TIMEFRAMES
        }
        client.set(keys.quality(SIGNALS), json.dumps({"venue": VENUE, "models": measured}))


@contextmanager
def web_process(url: str, var_dir: Path) -> Iterator[int]:
    """Yield the port of a web process; end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "benchmarks.api_settings",
        "REDIS_URL": url,
        "VAR_DIR": str(var_dir),
        "WEB_PORT": str(port),
        "API_TOKEN": TOKEN,
        "API_RATE": "100000000/minute",
        "LOG_LEVEL": "WARNING",
    }
    with (var_dir / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_web"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    try:
        wait_for(port, process, var_dir / "web.log")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the web process does not serve:\n{log.read_text()[-2000:]}")


class Connection:
    """Asks one address again and again on one kept-alive connection."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n"
        ).encode()

    async def once(self) -> bytes:
        reader, writer = await self._open()
        try:
            return await self._ask(reader, writer)
        finally:
            writer.close()

    async def run(self, seconds: float) -> list[float]:
        """Return the latency of each answer in ms."""
        reader, writer = await self._open()
        taken: list[float] = []
        end = time.perf_counter() + seconds
        try:
            while (began := time.perf_counter()) < end:
                await self._ask(reader, writer)
                taken.append((time.perf_counter() - began) * 1e3)
        finally:
            writer.close()
        return taken

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        _, _, after = head.lower().partition(b"content-length: ")
        return await reader.readexactly(int(after.split(b"\r\n", 1)[0]))


async def load(port: int, path: str, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Return answers a second, and every answer's latency in ms."""
    began = time.perf_counter()
    runs = await asyncio.gather(*(Connection(port, path).run(seconds) for _ in range(connections)))
    taken = [each for run in runs for each in run]
    return len(taken) / (time.perf_counter() - began), taken


async def measure(
    port: int, rounds: int, seconds: float, connections: int
) -> dict[str, float | str]:
    body = await Connection(port, ENDPOINT).once()
    assert json.loads(body)["count"] == len(DEFAULT_SIGNAL_SYMBOLS), body[:500]
    bare = f"/bare/{len(body)}"
    for path in (ENDPOINT, bare):
        await load(port, path, connections, seconds)
    ours, floor, latencies = [], [], []
    for _ in range(rounds):
        rate, taken = await load(port, ENDPOINT, connections, seconds)
        ours.append(rate)
        latencies.append(taken)
        floor.append((await load(port, bare, connections, seconds))[0])
        print(f"{ours[-1]:8.0f} /s, bare {floor[-1]:8.0f} /s", flush=True)
    return {
        "endpoint": ENDPOINT,
        "requests_per_s": round(median(ours), 1),
        "bare_requests_per_s": round(median(floor), 1),
        "ratio": round(median(a / b for a, b in zip(ours, floor, strict=True)), 3),
        "p99_ms": round(median_percentile(latencies, 0.99), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    with private_redis() as (url, var_dir):
        fill(url)
        with web_process(url, var_dir) as port:
            measured = measure(port, given.rounds, given.seconds, given.connections)
            figures = asyncio.run(measured)
    print(json.dumps(figures))  # last, behind what the server says as it stops


if __name__ == "__main__":
    main()
