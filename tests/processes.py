"""An instance as processes, for end-to-end and chaos tests: own Redis, database and ports."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.forecasts.entry import TickEntry
from market import keys
from tests.migrated import give_database
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, STOP_SECONDS, eventually_sync

ROOT = Path(__file__).resolve().parents[1]


class Instance:
    """Starts and ends the processes of one instance; logs lie beside its data."""

    def __init__(self, directory: Path, inherited: dict[str, str], **settings: str) -> None:
        self.directory = directory
        self.web_port, self.health_port = free_port(), free_port()
        config = directory / "inference.yaml"
        text = (ROOT / "config" / "inference.yaml").read_text()
        text = text.replace("port: 8083", f"port: {self.health_port}")
        config.write_text(text.replace("prometheus_port: 9092", f"prometheus_port: {free_port()}"))
        self.url = locate(directory).url
        self.env = inherited | {
            "VAR_DIR": str(directory),
            "REDIS_URL": self.url,
            "CONFIG_FILE": str(config),
            "WEB_PORT": str(self.web_port),
            **settings,
        }
        self._server: RedisServer | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """The newest of each command."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def configure(self, **values: float) -> None:
        """Set keys of the configuration file. Raises KeyError where it has no such key."""
        path = Path(self.env["CONFIG_FILE"])
        text = path.read_text()
        for name, value in values.items():
            text, count = re.subn(rf"^( *{name}:) \S+", rf"\1 {value:g}", text, flags=re.MULTILINE)
            if count != 1:
                raise KeyError(name)
        path.write_text(text)

    def start_redis(self) -> None:
        self._server = RedisServer(locate(self.directory), find_program(), memory="256mb")
        self._server.start()

    def stop_redis(self) -> None:
        if self._server is not None:
            self._server.stop(drain_seconds=0)
            self._server = None

    def kill_redis(self) -> None:
        """Kill Redis as a power cut would: no farewell, no last write."""
        with self.client() as client:
            os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
        self.stop_redis()

    def client(self, **options: object) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5, **options)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = (self.directory / f"{arguments[0]}-{len(self._running)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            stdout=log,
            stderr=log,
        )
        log.close()
        self._running.append(process)
        self.processes[arguments[0]] = process
        return process

    def start_web(self) -> None:
        """Start the web process; return once it answers."""
        self.start("run_web")
        eventually_sync(self._answers)

    def kill_web(self) -> None:
        """Kill it as a power cut would: no farewell to anybody."""
        self.processes["run_web"].kill()
        self.processes["run_web"].wait(PATIENCE_SECONDS)

    def logs(self) -> str:
        """Return the end of every process's log, for a failed test's message."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted(self.directory.glob("*.log"))
        )

    def entries(self) -> list[TickEntry]:
        with self.client() as client:
            return [
                TickEntry.unpack(fields[b"entry"])
                for _, fields in client.xrange(keys.log("forecasts"))
            ]

    def _answers(self) -> bool:
        if self.processes["run_web"].poll() is not None:
            raise RuntimeError("the web process has ended")
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=PATIENCE_SECONDS):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.stop_redis()


@contextmanager
def running_instance(
    directory: Path, inherited: dict[str, str], **settings: str
) -> Iterator[Instance]:
    """Yield an instance with Redis running and the database migrated; end all of it."""
    instance = Instance(directory, inherited, **settings)
    give_database(instance.env)
    instance.start_redis()
    try:
        yield instance
    except BaseException:
        print(instance.logs())
        raise
    finally:
        instance.stop()
