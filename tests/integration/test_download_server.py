"""Large downloads from a real web process: its memory, its other clients, who goes, who waits."""

import csv
import http.client
import io
import json
import socket
import urllib.request
from collections.abc import Iterator
from typing import IO

import psutil
import pytest

from tests.environment import instance_environment
from tests.waiting import PATIENCE_SECONDS, eventually_sync
from tests.web_instance import WebInstance

ROWS = 24_000
MOST_GROWTH_BYTES = 10 * 2**20
"""The file has some 13 MB: a server that gathered it would grow by more."""

READER = "predictions.downloads.reading_process"


@pytest.fixture(scope="module")
def web(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebInstance]:
    directory = tmp_path_factory.mktemp("downloads")
    instance = WebInstance(
        instance_environment(directory / "var"),
        redis_url=redis_url,
        log=directory / "web.log",
        pages=False,
    )
    instance.manage(
        "shell", "-v0", "-c", f"from tests.integration.filled_ledger import fill; fill({ROWS})"
    )
    with instance:
        yield instance


def readers(web: WebInstance) -> list[psutil.Process]:
    return [
        child for child in psutil.Process(web.pid).children() if READER in " ".join(child.cmdline())
    ]


def opened(web: WebInstance, address: str = "/api/forecasts?format=csv") -> IO[bytes]:
    answer: IO[bytes] = urllib.request.urlopen(f"{web.url}{address}", timeout=60)
    return answer


def silent_client(web: WebInstance) -> socket.socket:
    """A client that asks, and then takes nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", web.port))
    client.sendall(b"GET /api/forecasts?format=csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return client


def test_download_is_whole_and_the_server_gathers_none_of_it(web: WebInstance) -> None:
    process = psutil.Process(web.pid)
    opened(web, "/api/forecasts?format=csv&to=2026-01-01T00:00:20").read()
    before = grown = process.memory_info().rss
    received = bytearray()

    with opened(web) as answer:
        while part := answer.read(2**18):
            received += part
            grown = max(grown, process.memory_info().rss)
            with urllib.request.urlopen(
                f"{web.url}/api/forecasts?limit=1", timeout=PATIENCE_SECONDS
            ) as page:
                assert len(json.load(page)["results"]) == 1

    ids = [int(row["id"]) for row in csv.DictReader(io.StringIO(received.decode()))]
    assert len(ids) == len(set(ids)) >= ROWS
    assert len(received) > MOST_GROWTH_BYTES
    assert grown - before < MOST_GROWTH_BYTES
    eventually_sync(lambda: readers(web) == [])


def test_client_that_goes_away_ends_the_reading(web: WebInstance) -> None:
    with opened(web) as answer:
        answer.read(1_000)
        assert len(readers(web)) == 1

    eventually_sync(lambda: readers(web) == [])


def test_client_that_takes_nothing_holds_only_its_own_download_back(web: WebInstance) -> None:
    process = psutil.Process(web.pid)
    before = process.memory_info().rss

    def stands_still() -> bool:
        return [child.status() for child in readers(web)] == [psutil.STATUS_SLEEPING]

    with silent_client(web):
        eventually_sync(stands_still)
        with opened(web) as other:
            assert len(other.read()) > MOST_GROWTH_BYTES
        eventually_sync(lambda: len(readers(web)) == 1)
        assert process.memory_info().rss - before < MOST_GROWTH_BYTES

    eventually_sync(lambda: readers(web) == [])


def test_reading_that_breaks_off_is_no_whole_download(web: WebInstance) -> None:
    with opened(web) as answer:
        answer.read(1_000)
        [child] = readers(web)
        child.kill()

        with pytest.raises((OSError, http.client.IncompleteRead)):
            answer.read()

    with opened(web, "/health") as health:
        assert json.load(health)["service"] == "cryptosite"
