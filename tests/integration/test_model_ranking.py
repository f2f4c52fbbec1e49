"""`/api/models/ranking`: who does how well on the ledger, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.test import Client
from pytest_django import Settings

from predictions.api import model_ranking
from predictions.api.model_ranking import kept
from tests.integration import retraining_rows as rows
from tests.integration.test_api_schema import check, document
from tests.integration.versions_ledger import VENUE, say_forecasts
from tests.integration.web_socket import store_clock
from tests.shipped import SHIPPED

pytestmark = pytest.mark.django_db
__all__ = ["document"]


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path, clean_redis: redis.Redis) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    store_clock(clean_redis, now_ms=0, venue=VENUE)
    yield
    kept.forget()


def asked(client: Client, query: str = "slot=forecasts") -> dict[str, Any]:
    response = client.get(f"/api/models/ranking?{query}")
    assert response.status_code == 200
    told: dict[str, Any] = response.json()
    return told


def test_ranking_has_the_best_first_beside_champion_and_baseline(
    client: Client, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_ranking, "KEPT_SECONDS", 1e9)  # no minute ends meanwhile
    rows.version("better", "shadow")
    came = np.random.default_rng(1).normal(0, 2, size=(120, 2))
    ticks = range(0, 3_600, 30)
    said = {SHIPPED: 0.1 * came, "better": 0.3 * came}
    assert asked(client)["versions"] == []
    say_forecasts(said, came, ticks=ticks, champion=SHIPPED)

    told = asked(client)

    check(document, "/api/models/ranking", 200, told)
    assert (told["venue"], told["live"], told["champion"]) == (VENUE, False, SHIPPED)
    best, champion = told["versions"]
    assert (best["version"], best["state"], champion["version"]) == ("better", "shadow", SHIPPED)
    assert best["against_champion"]["value"] == pytest.approx(1 - 0.49 / 0.81, abs=1e-5)
    assert champion["against_champion"] is None
    baseline = told["baselines"][0]
    assert (best["rank"], champion["rank"]) == (1, 2)
    assert (baseline["name"], baseline["rank"]) == ("no change", 3)
    assert (told["measure"], told["left_out"]) == ("against_champion", 0)

    say_forecasts({"late": came}, came, ticks=[5_000 + each for each in ticks])
    assert asked(client) == told  # for a minute


def test_ranking_of_signals_and_of_another_venue_without_any_is_empty(
    client: Client, document: dict[str, Any]
) -> None:
    told = asked(client, "slot=signals/1h&venue=elsewhere")

    check(document, "/api/models/ranking", 200, told)
    assert (told["venue"], told["live"], told["versions"]) == ("elsewhere", None, [])


def test_ranking_refuses_what_it_does_not_know(
    client: Client, document: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    for query in ("", "slot=x", "slot=forecasts&from=1", f"slot=forecasts&venue={'x' * 97}"):
        response = client.get(f"/api/models/ranking?{query}")
        assert response.status_code == 400
        check(document, "/api/models/ranking", 400, response.json())
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"
    assert client.get("/api/models/ranking?slot=forecasts").status_code == 503
