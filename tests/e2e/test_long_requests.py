"""Requests too long for the web server: a client learns why, and others are served on."""

import http.client
from collections.abc import Iterator

import pytest

from tests.waiting import PATIENCE_SECONDS
from tests.web_instance import WebInstance


@pytest.fixture(scope="module")
def running(prepared_web: WebInstance) -> Iterator[WebInstance]:
    """One process for all tests here."""
    with prepared_web:
        yield prepared_web


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/api/predictions?symbols={'BTCUSDT,' * 7_000}", {}, 414),
        ("/api/predictions", {"X-Long": "x" * 56_000}, 431),
    ],
)
def test_request_too_long_is_answered(
    running: WebInstance, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()

    assert answer.status == status
    assert b"longer than 16384 bytes" in answer.read()

    connection.close()
    connection.request("GET", f"/api/predictions?symbols={'BTCUSDT,' * 1_500}")
    assert connection.getresponse().status == 200
