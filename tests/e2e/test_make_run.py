"""`make run` as a user types it: it serves, Ctrl-C ends everything, a second start reuses all."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis

from cryptosite.processes.redis_layout import locate
from market import keys
from tests.collected import give_static_files
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, eventually_sync

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180


@dataclass
class Instance:
    """One instance on ports of its own, started and stopped like from a terminal."""

    directory: Path
    env: dict[str, str]
    web_port: int
    health_port: int

    @contextmanager
    def running(self) -> Iterator["Running"]:
        log = self.directory / "output"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(self, process, log)
        try:
            yield running
        finally:
            running.kill()


@dataclass
class Running:
    """A start of the instance."""

    instance: Instance
    process: "subprocess.Popen[bytes]"
    log: Path

    def told(self) -> str:
        return self.log.read_text()

    def serves(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"make run ended:\n{self.told()}")
        return (
            answers(f"http://127.0.0.1:{self.instance.web_port}/admin/login/")
            and answers(f"http://127.0.0.1:{self.instance.health_port}/health")
            and self.beats()
        )

    def beats(self) -> bool:
        url = locate(self.instance.directory / "var").url
        names = [keys.health(name) for name in ("market", "inference", "signals", "recorder")]
        try:
            with redis.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS) as client:
                return int(client.exists(*names)) == len(names)
        except redis.RedisError:
            return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            for member in self.family():
                member.kill()
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def instance(short_dir: Path, instance_env: dict[str, str]) -> Instance:
    web, health, metrics = free_port(), free_port(), free_port()
    config = (ROOT / "config" / "inference.yaml").read_text()
    config = config.replace("port: 8083", f"port: {health}").replace(": 9092", f": {metrics}")
    (short_dir / "service.yaml").write_text(config)
    env = instance_env | {
        "VAR_DIR": str(short_dir / "var"),
        "CONFIG_FILE": str(short_dir / "service.yaml"),
        "WEB_PORT": str(web),
        "MARKET_SOURCE": "simulated",
    }
    return Instance(short_dir, env, web, health)


def test_make_run_serves_ends_on_ctrl_c_and_reuses_everything(instance: Instance) -> None:
    with instance.running() as first:
        eventually_sync(first.serves, START_SECONDS)
        family = first.family()
        assert len(family) > 10
        first.press_ctrl_c()
        eventually_sync(lambda: not any(member.is_running() for member in family))
        told = first.told()
        assert "admin account: name admin, password " in told
        assert f"open http://127.0.0.1:{instance.web_port}/" in told
    with instance.running() as second:
        eventually_sync(second.serves, START_SECONDS)
        second.press_ctrl_c()
        told = second.told()
        assert f"open http://127.0.0.1:{instance.web_port}/" in told
        for done_before in ("installing", "collecting", "admin account"):
            assert done_before not in told


def test_make_run_with_a_port_taken_names_it_and_starts_nothing(instance: Instance) -> None:
    give_static_files(instance.env)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", instance.health_port))
        holder.listen()
        with instance.running() as running:
            assert running.process.wait(START_SECONDS) != 0
            assert f"port {instance.health_port} " in running.told()
            assert "health.port" in running.told()
            assert "started (pid" not in running.told()
