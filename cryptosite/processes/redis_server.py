"""The instance's own Redis as a process: `python -m cryptosite.processes.redis_server`.

Where REDIS_URL (or REDIS_HOST, REDIS_PORT) names another Redis, the process idles. When told
to stop it waits a moment for its clients to finish, so that the last tick is not lost.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import redis
from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.processes.orphans import follow_parent
from cryptosite.processes.redis_layout import (
    RedisInstance,
    RedisProgramError,
    find_program,
    locate,
    maxmemory,
    render_config,
)

START_SECONDS = 20.0
DRAIN_SECONDS = 1.5
STOP_SECONDS = 2.0
POLL_SECONDS = 0.02
EX_CONFIG = 78


class RedisStartError(Exception):
    """The server ended or did not answer in time; its own output says why."""


class RedisServer:
    """One private server. A context manager: started on entry, stopped on exit."""

    def __init__(self, instance: RedisInstance, program: Path, *, memory: str) -> None:
        self.instance = instance
        self._program = program
        self._memory = memory
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the server and wait until it has read its log and answers.

        Raises RedisStartError.
        """
        self._child = subprocess.Popen(
            [str(self._program), "-"],
            stdin=subprocess.PIPE,
            text=True,
            preexec_fn=follow_parent,
        )
        if self._child.stdin is not None:
            with self._child.stdin as stdin:
                stdin.write(render_config(self.instance, self._program, self._memory))
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.instance.url, socket_timeout=1) as client:
            while not _answers(client):
                if self._child.poll() is not None:
                    raise RedisStartError(f"{self._program} ended with {self._child.returncode}")
                if time.monotonic() > deadline:
                    self.stop(drain_seconds=0)
                    raise RedisStartError(f"{self._program}: no answer in {START_SECONDS:g} s")
                time.sleep(POLL_SECONDS)

    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def stop(self, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Wait for clients to leave, then stop: what was written is on disk afterwards."""
        if self._child is None or self._child.poll() is not None:
            return
        self._drain(drain_seconds)
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _drain(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with redis.Redis.from_url(self.instance.url, socket_timeout=1) as client:
            while time.monotonic() < deadline:
                try:
                    if len(client.client_list()) <= 1:
                        return
                except redis.RedisError:
                    return
                time.sleep(POLL_SECONDS)


def serves_itself(instance: RedisInstance) -> bool:
    """Tell whether this instance's own server is the one that the environment asks for."""
    url = env.text("REDIS_URL", secret=True)
    if url:
        return url == instance.url
    return not (env.text("REDIS_HOST") or env.text("REDIS_PORT"))


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    instance = locate(Path(os.environ.get("VAR_DIR") or "var"))
    try:
        if not serves_itself(instance):
            print("redis: using the Redis that REDIS_URL or REDIS_HOST names", flush=True)
            stopping.wait()
            return 0
        server = RedisServer(instance, find_program(), memory=maxmemory())
        server.start()
    except (ImproperlyConfigured, RedisProgramError) as error:
        print(f"redis: {error}", file=sys.stderr, flush=True)
        return EX_CONFIG
    except RedisStartError as error:
        print(f"redis: {error}", file=sys.stderr, flush=True)
        return 1
    print(f"redis: serving from {instance.directory}", flush=True)
    while server.alive() and not stopping.wait(0.5):
        pass
    ended_by_itself = not server.alive()
    server.stop()
    return 1 if ended_by_itself else 0


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(main())
