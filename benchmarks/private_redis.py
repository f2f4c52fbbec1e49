"""A Redis of the benchmark's own, set up as `make run` sets up its: socket, password, AOF."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer


@contextmanager
def private_redis() -> Iterator[tuple[str, Path]]:
    """Yield the URL and the var folder of a fresh server; stop it afterwards."""
    with tempfile.TemporaryDirectory(prefix="cs-bench-", dir="/tmp") as folder:
        var_dir = Path(folder)
        layout = locate(var_dir)
        server = RedisServer(layout, find_program(), memory="1gb")
        server.start()
        try:
            yield layout.url, var_dir
        finally:
            server.stop(drain_seconds=0)
