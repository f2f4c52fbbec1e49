"""How punctual the loop is with the whole instance running beside it.

    python benchmarks/tick.py [--ticks N]

Starts Redis, feed (simulated), recorder, web and loop as `make run` does, and beside them a
process that does nothing but sleep until the same grid times. Lateness is the begin of a tick
after its time; `excess_ms` is ours over the bare sleeper's at p99, `drift_ms` how much later
the last ticks begin than the first.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import redis

from benchmarks.percentiles import percentile
from benchmarks.private_redis import private_redis
from inference.forecasts.entry import TickEntry
from market import keys
from market.hot.vector import TICK_MS

SLEEPER = """
import json, sys, time
for _ in range(int(sys.argv[1])):
    now = time.time() * 1000
    due = (now // 2000 + 1) * 2000
    while (left := due / 1000 - time.time()) > 0:
        time.sleep(left)
    print(time.time() * 1000 - due, flush=True)
"""

EDGE_TICKS = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(url: str, var_dir: Path) -> dict[str, str]:
    config = var_dir / "inference.yaml"
    text = (ROOT / "config" / "inference.yaml").read_text()
    text = text.replace("port: 8083", f"port: {free_port()}")
    config.write_text(text.replace("prometheus_port: 9092", f"prometheus_port: {free_port()}"))
    return os.environ | {
        "REDIS_URL": url,
        "VAR_DIR": str(var_dir),
        "CONFIG_FILE": str(config),
        "WEB_PORT": str(free_port()),
        "MARKET_SOURCE": "simulated",
        "LOG_FORMAT": "json",
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
    }


def _started(command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def run(ticks: int) -> dict[str, float]:
    with private_redis() as (url, var_dir):
        env = environment(url, var_dir)
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=ROOT, env=env, check=True)
        log = (var_dir / "loop.log").open("w")
        running: list[subprocess.Popen[bytes]] = []
        try:
            running += [
                _started([*manage, command], env)
                for command in ("run_market_feed", "run_recorder", "run_web")
            ]
            with redis.Redis.from_url(url) as client:
                deadline = time.monotonic() + 30
                while not client.exists(keys.feat("BTCUSDT")):
                    assert time.monotonic() < deadline, "the feed wrote nothing"
                    time.sleep(0.1)
                time.sleep(5)  # the web's own start is not what is measured
                loop = [*manage, "run_inference_loop", "--max-ticks", str(ticks)]
                leading = subprocess.Popen(loop, cwd=ROOT, env=env, stderr=log)
                running.append(leading)
                sleeper = subprocess.run(
                    [sys.executable, "-c", SLEEPER, str(ticks)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                leading.wait(TICK_MS / 1000 * 3 + 30)
                entries = [
                    TickEntry.unpack(fields[b"entry"])
                    for _, fields in client.xrange(keys.log("forecasts"))
                ]
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(15)
            log.close()
        late = [
            record["late_ms"]
            for record in map(json.loads, (var_dir / "loop.log").read_text().splitlines())
            if record["event"] == "prediction_generated"
        ]
    slept = [float(line) for line in sleeper.stdout.split()]
    ages = [age for entry in entries for age in entry.column("features_age_ms").tolist()]
    return {
        "ticks": len(late),
        "late_p50_ms": round(percentile(late, 0.5), 2),
        "late_p99_ms": round(percentile(late, 0.99), 2),
        "sleep_late_p99_ms": round(percentile(slept, 0.99), 2),
        "excess_ms": round(percentile(late, 0.99) - percentile(slept, 0.99), 2),
        "drift_ms": round(median(late[-EDGE_TICKS:]) - median(late[:EDGE_TICKS]), 2),
        "missed": sum(entry.missed for entry in entries),
        "feature_age_p50_ms": round(percentile(ages, 0.5), 1),
        "feature_age_p99_ms": round(percentile(ages, 0.99), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=100)
    print(json.dumps(run(parser.parse_args().ticks)))


if __name__ == "__main__":
    main()
