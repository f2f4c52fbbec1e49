"""How soon every browser has a tick: from publishing to the last of thousands of sockets.

    python benchmarks/fanout.py --clients N [--server daphne|uvicorn] [--symbols N] [--ticks N]

A real web process beside a real Redis; clients in processes of their own, all connected before
the first tick counts. Latency is from the loop's PUBLISH to the whole frame at a client. The
floor is a bare asyncio broadcast of the same frame to as many clients; both take turns, and the
figures are medians of the rounds. `ratio` is ours over the floor at p99; `cpu_ms` the web
process's time a tick, with what else it does meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgpack
import orjson
import psutil
import redis

from benchmarks.percentiles import percentile
from benchmarks.private_redis import private_redis
from benchmarks.tick import environment
from inference.handover.fence import CHANNEL
from market import keys
from market.hot.vector import TICK_MS

ROUNDS = 5
CLIENT_PROCESSES = 2
FIRST_SEQ = 900_000_000
PAUSE_SECONDS = 0.3
SYMBOLS = [f"COIN{number:02}USDT" for number in range(34)]


class Process:
    """A child that is talked to by lines."""

    def __init__(self, *arguments: str) -> None:
        self._name = " ".join(arguments)
        self._child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> None:
        stream = self._pipe(self._child.stdin)
        stream.write(line + "\n")
        stream.flush()

    def hear(self) -> str:
        line = self._pipe(self._child.stdout).readline()
        if not line:
            raise RuntimeError(f"a child ended with {self._child.wait()}: {self._name}")
        return line.strip()

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("a child without pipes")
        return stream


class Clients:
    """N clients of one server, shared out among processes."""

    def __init__(self, port: int, path: str, count: int) -> None:
        shares = [count // CLIENT_PROCESSES] * CLIENT_PROCESSES
        shares[0] += count - sum(shares)
        self._count = count
        self.processes = [
            Process("benchmarks/socket_clients.py", str(port), path, str(share)) for share in shares
        ]
        for process in self.processes:
            process.hear()

    def latencies(self, seq: int, began_ms: float) -> list[float]:
        """Return each client's latency of one tick. Raises RuntimeError where one has none."""
        for process in self.processes:
            process.say(str(seq))
        times = [at for process in self.processes for at in json.loads(process.hear())]
        if len(times) != self._count:
            raise RuntimeError(f"{len(times)} of {self._count} clients got tick {seq}")
        return [at - began_ms for at in times]


class Product:
    """The web process as it is run, and the forecast loop's place beside it."""

    def __init__(self, url: str, var_dir: Path, server: str, symbols: Sequence[str]) -> None:
        env = environment(url, var_dir) | {
            "ASGI_SERVER": server,
            "FORECAST_SYMBOLS": ",".join(symbols),
            "LOG_LEVEL": "WARNING",
        }
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True)
        self._child = subprocess.Popen([sys.executable, "manage.py", "run_web"], cwd=ROOT, env=env)
        self.process = psutil.Process(self._child.pid)
        self.port = int(env["WEB_PORT"])
        self._redis = redis.Redis.from_url(url)
        self._await_heartbeat()

    def publish(self, message: dict[str, object]) -> float:
        packed = msgpack.packb(message)
        began_ms = time.perf_counter() * 1000
        self._redis.publish(CHANNEL, packed)
        return began_ms

    def cpu_ms(self) -> float:
        used = self.process.cpu_times()
        return 1000 * (used.user + used.system)

    def stop(self) -> None:
        self._child.terminate()
        self._child.wait(timeout=30)

    def _await_heartbeat(self) -> None:
        until = time.monotonic() + 60
        while not self._redis.exists(keys.health("web")):
            if time.monotonic() > until or self._child.poll() is not None:
                raise RuntimeError("the web process did not start")
            time.sleep(0.1)


def message(seq: int, symbols: Sequence[str]) -> dict[str, object]:
    """Return a tick as the loop sends it."""
    said = {
        "timestamp": seq * TICK_MS, "current_price": 60_000.01, "predicted_price": 60_001.234567,
        "confidence": 0.8, "latency_ms": 1.234, "source": "redis", "venue": "bench/1",
        "live": False, "target_ts": seq * TICK_MS + 10_000, "seq": seq, "mid_price": 60_000.005,
        "lower": 59_990.123456, "upper": 60_010.123456, "p_up": 0.512345678, "reason": "",
        "features_age_ms": 12.345678, "model_version": "v1.0.0",
    }  # fmt: skip
    frames = {s: orjson.dumps({"symbol": s} | said).decode() for s in symbols}
    return {
        "type": "tick", "seq": seq, "venue": "bench/1", "live": False, "tick_ms": seq * TICK_MS,
        "published_ms": round(time.time() * 1000), "frames": frames,
    }  # fmt: skip


def floor_frame(tick: dict[str, object]) -> str:
    """Return the frame of that tick as the product sends it."""
    frames = tick["frames"]
    parts = ",".join(frames.values()) if isinstance(frames, dict) else ""
    names = ("seq", "venue", "live", "published_ms")
    head = orjson.dumps({"type": "predictions"} | {name: tick[name] for name in names}).decode()
    return f'{head[:-1]},"data":[{parts}]}}'


def measure(product: Product, clients: int, symbols: Sequence[str], ticks: int) -> dict[str, float]:
    """Return the figures; both crowds stay connected throughout."""
    floor = Process("benchmarks/broadcast_floor.py")
    port = int(floor.hear())
    own = Clients(product.port, "/ws/predictions/", clients)
    bare = Clients(port, "/", clients)
    seq = FIRST_SEQ
    rounds: dict[str, list[float]] = {"p50": [], "p99": [], "floor_p99": [], "cpu": []}
    try:
        for number in range(ROUNDS + 1):
            ours: list[float] = []
            bares: list[float] = []
            used_ms = product.cpu_ms()
            for _ in range(ticks):
                seq += 1
                ours += own.latencies(seq, product.publish(message(seq, symbols)))
                time.sleep(PAUSE_SECONDS)
            used_ms = product.cpu_ms() - used_ms
            for _ in range(ticks):
                floor.say(floor_frame(message(seq, symbols)))
                bares += bare.latencies(seq, float(floor.hear()))
                time.sleep(PAUSE_SECONDS)
            if number:  # the first round warms up
                rounds["p50"].append(percentile(ours, 0.5))
                rounds["p99"].append(percentile(ours, 0.99))
                rounds["floor_p99"].append(percentile(bares, 0.99))
                rounds["cpu"].append(used_ms / ticks)
    finally:
        for process in (floor, *own.processes, *bare.processes):
            process.stop()
    return {name: median(values) for name, values in rounds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default=None)
    parser.add_argument("--symbols", type=int, default=1, help="in each tick, up to 34")
    parser.add_argument("--ticks", type=int, default=5, help="in each of the rounds")
    arguments = parser.parse_args()
    server = arguments.server or os.environ.get("ASGI_SERVER", "daphne")
    symbols = SYMBOLS[: arguments.symbols]
    with private_redis() as (url, var_dir):
        product = Product(url, var_dir, server, symbols)
        try:
            found = measure(product, arguments.clients, symbols, arguments.ticks)
            rss_mb = product.process.memory_info().rss / 2**20
        finally:
            product.stop()
    figures = {
        "clients": arguments.clients,
        "p50_ms": round(found["p50"], 1),
        "p99_ms": round(found["p99"], 1),
        "floor_p99_ms": round(found["floor_p99"], 1),
        "ratio": round(found["p99"] / found["floor_p99"], 2),
        "rss_mb": round(rss_mb, 1),
        "server": server,
        "symbols": arguments.symbols,
        "cpu_ms": round(found["cpu"], 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
