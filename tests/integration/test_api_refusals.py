"""How the REST API says no, whichever the address."""

import pytest
from django.test import Client

from tests.integration.refused import refusal

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/predict", "/health", "/metrics", "/api/forecasts"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_write_any_address_is_405(path: str, method: str) -> None:
    client = Client(enforce_csrf_checks=True)

    response = getattr(client, method)(path, data="{}", content_type="application/json")

    assert "read-only" in refusal(response, 405, "method_not_allowed")


@pytest.mark.parametrize("ledger", ["forecasts", "signals"])
def test_ledger_symbol_that_nobody_knows_is_404(client: Client, ledger: str) -> None:
    response = client.get(f"/api/{ledger}", {"symbol": "PAXGUSDT"})

    assert "PAXGUSDT" in refusal(response, 404, "unknown_symbol")


@pytest.mark.parametrize(
    ("path", "code"), [("/predict", "unknown_symbol"), ("/api/signals", "invalid_parameter")]
)
def test_long_text_for_a_symbol_is_not_echoed_whole(client: Client, path: str, code: str) -> None:
    response = client.get(path, {"symbol": "X" * 3_000})

    assert len(refusal(response, response.status_code, code)) < 150


@pytest.mark.parametrize("named", ["forecast", "signal"])
@pytest.mark.parametrize("row", [999_999, 2**70])
def test_row_that_the_ledger_does_not_hold_is_404_by_name(
    client: Client, named: str, row: int
) -> None:
    told = refusal(client.get(f"/api/{named}s/{row}"), 404, "not_found")

    assert told == f"the ledger holds no {named} {row}"


@pytest.mark.parametrize("path", ["/api/forecasts/999999", "/api/forecasts/x", "/api/nothing"])
def test_address_without_anything_is_404_in_the_same_shape(client: Client, path: str) -> None:
    refusal(client.get(path), 404, "not_found")
