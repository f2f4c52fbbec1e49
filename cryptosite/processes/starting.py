"""What is settled before any process of an instance starts: it is alone, its ports are free,
and its Redis is known. Read by `start_instance`.
"""

import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cryptosite.processes.redis_layout import locate, move_from_taken_port


class StartError(Exception):
    """The instance cannot start as things are; names what is in the way. A person acts."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that the instance is about to bind, and the setting that moves it."""

    purpose: str
    host: str
    port: int
    setting: str


def take_instance_lock(var_dir: Path) -> int:
    """Hold `<var_dir>/instance.lock` until this process and what it becomes has ended.

    Returns the descriptor, which survives exec. Raises StartError where another holds it.
    """
    handle = os.open(var_dir / "instance.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(handle, 32).decode().strip() or "unknown"
        os.close(handle)
        raise StartError(
            f"an instance is already running from {var_dir} (process {pid}); "
            "stop it, or give this one a VAR_DIR of its own"
        ) from None
    os.truncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    os.set_inheritable(handle, True)
    return handle


def require_free_ports(listeners: Iterable[Listener]) -> None:
    """Try to bind each address. Raises StartError naming all that are taken, and their settings."""
    taken = [listener for listener in listeners if not _can_bind(listener)]
    if taken:
        raise StartError(
            "; ".join(
                f"port {one.port} on {one.host} ({one.purpose}) is taken: end the program that "
                f"holds it, or choose another with {one.setting}"
                for one in taken
            )
        )


def choose_redis_url(environ: Mapping[str, str], var_dir: Path, configured_host: str) -> str | None:
    """Return the URL of the instance's own Redis, or None where the user has named one.

    Named: REDIS_URL, REDIS_HOST or REDIS_PORT, or a YAML whose host is another machine.
    """
    if any(environ.get(name) for name in ("REDIS_URL", "REDIS_URL_FILE")):
        return None
    if any(environ.get(name) for name in ("REDIS_HOST", "REDIS_PORT")):
        return None
    if configured_host not in ("localhost", "127.0.0.1", "::1"):
        return None
    return move_from_taken_port(locate(var_dir)).url


def become_honcho(procfile: Path, environ: Mapping[str, str]) -> NoReturn:
    """Replace this process with honcho, which starts the Procfile's lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    environment = {**environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
    arguments = [sys.executable, "-m", "honcho", "--env", os.devnull, "--procfile", str(procfile)]
    sys.stdout.flush()
    os.execve(sys.executable, [*arguments, "start"], environment)  # noqa: S606  (no shell wanted)


def _can_bind(listener: Listener) -> bool:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise StartError(
                f"cannot bind {listener.host} ({listener.purpose}, {listener.setting}): "
                f"{error.strerror}"
            ) from error
    return True
