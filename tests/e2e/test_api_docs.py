"""Swagger UI in a browser: the content security policy lets it run, and it asks nobody else."""

from typing import Any

import redis
from playwright.sync_api import Page, expect

from market import keys
from tests.e2e.conftest import Heard
from tests.signals import signal, store_state
from tests.web_instance import WebInstance

MADE_MS = 1_766_928_300_000


def test_docs_page_shows_every_operation_and_tries_one_out(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    moment: Any = {
        "venue": "simulated", "live": 0, "market_ms": MADE_MS, "wall_ms": 0, "speed": 0
    }  # fmt: skip
    clean_redis.hset(keys.clock(), mapping=moment)
    store_state(clean_redis, signal("BTCUSDT", at_ms=MADE_MS))

    page.goto(f"{web.url}/api/docs")

    summary = page.locator("#operations-predictions-prediction_summary")
    expect(summary).to_contain_text("/api/predictions/{symbol}/summary")
    for shown in ("/api/predictions", "/predict", "/health", "/metrics", "/api/forecasts"):
        expect(page.locator(f'[data-path="{shown}"]').first).to_be_visible()

    one = page.locator("#operations-predictions-prediction")
    one.locator(".opblock-summary-control").click()
    one.get_by_role("button", name="Try it out").click()
    one.locator('tr[data-param-name="symbol"] input').fill("BTCUSDT")
    one.get_by_role("button", name="Execute").click()
    expect(one.locator(".live-responses-table")).to_contain_text('"count": 1')

    assert heard.strangers(web.url) == []
    assert heard.complaints == []
