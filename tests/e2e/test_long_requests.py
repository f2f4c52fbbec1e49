"""Requests too long for the web server: a client learns why, and others are served on."""

import http.client

import pytest

from tests.web_instance import WebInstance


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/api/predictions?symbols={'BTCUSDT,' * 7_000}", {}, 414),
        ("/api/predictions", {"X-Long": "x" * 56_000}, 431),
    ],
)
def test_request_too_long_is_answered(
    web: WebInstance, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()

    assert answer.status == status
    assert b"longer than 16384 bytes" in answer.read()

    connection.close()
    connection.request("GET", f"/api/predictions?symbols={'BTCUSDT,' * 1_500}")
    assert connection.getresponse().status == 200
