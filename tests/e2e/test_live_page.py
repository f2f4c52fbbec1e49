"""The live page in a browser: published ticks in, what a trader sees out."""

import time
from typing import Any

import redis
from playwright.sync_api import Locator, Page, expect

from market import keys
from tests.e2e.conftest import Heard
from tests.integration.web_socket import (
    TICK_MS,
    outcome,
    publish_as_loop,
    store_clock,
    store_prediction,
    tick_message,
)
from tests.web_instance import WebInstance

SYMBOL = "BTCUSDT"


def test_live_page_shows_forecast_outcome_and_old_data_and_asks_nobody_else(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    seq = market_at_tick(clean_redis)
    store_prediction(clean_redis, SYMBOL, seq)
    page.goto(web.url)

    expect(part(page, "connection")).to_have_text("connected")
    expect(part(page, "predicted-price")).to_have_text("60,001.00")
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq))
    expect(part(page, "venue-banner")).to_contain_text("SIMULATED MARKET")

    publish_as_loop(clean_redis, tick_message(seq + 1, SYMBOL))
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq + 1))
    expect(part(page, "interval")).to_have_text("59,995.00 to 60,006.00")
    expect(part(page, "confidence")).to_have_text("0.80")
    expect(part(page, "p-up")).to_have_text("51.0 %")
    expect(part(page, "latency")).to_have_text("1.25 ms")
    expect(part(page, "source")).to_have_text("model, on fresh features")
    expect(part(page, "current-price")).to_have_text("60,000.25")
    expect(part(page, "recent").locator("tr").first).to_contain_text("open")

    publish_as_loop(clean_redis, {"type": "outcomes", "frames": [outcome(SYMBOL, seq + 1)]})
    expect(part(page, "recent").locator("tr").first).to_contain_text("hit")
    expect(part(page, "hits")).to_have_text("– (n = 1)")

    store_features(clean_redis, age_ms=20_000)
    expect(part(page, "notice")).to_contain_text("s old")
    expect(part(page, "data-age")).to_have_attribute("data-state", "bad")

    assert heard.complaints == []
    assert heard.strangers(web.url) == []


def test_live_page_counts_rates_from_thirty_cases_on(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    seq = market_at_tick(clean_redis)
    page.goto(web.url)
    expect(part(page, "connection")).to_have_text("connected")
    graded = [outcome(SYMBOL, seq - 40 + number) for number in range(30)]
    for each in graded[:6]:
        each["direction_hit"] = False
    publish_as_loop(clean_redis, {"type": "outcomes", "frames": graded})
    expect(part(page, "hits")).to_have_text("80.0 % (n = 30)")
    expect(part(page, "mae")).to_have_text("0.17 bp (n = 30)")
    expect(part(page, "mae-no-change")).to_have_text("0.33 bp (n = 30)")


def test_live_page_server_that_restarts_is_found_again(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    seq = market_at_tick(clean_redis, venue="external", live=True)
    page.goto(web.url)
    expect(part(page, "connection")).to_have_text("connected")
    publish_as_loop(clean_redis, tick_message(seq, SYMBOL, venue="external"))
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq))

    assert web.stop() == 0
    expect(part(page, "connection")).not_to_have_attribute("data-state", "open")
    expect(part(page, "notice")).to_contain_text("Disconnected")
    web.start()
    expect(part(page, "connection")).to_have_text("connected")
    publish_as_loop(clean_redis, tick_message(seq + 1, SYMBOL, venue="external"))
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq + 1))


def test_live_page_on_a_telephone_needs_no_sideways_scrolling(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    seq = market_at_tick(clean_redis)
    page.goto(web.url)
    expect(part(page, "connection")).to_have_text("connected")
    publish_as_loop(clean_redis, tick_message(seq, SYMBOL))
    expect(part(page, "recent").locator("tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)


def market_at_tick(client: redis.Redis, *, venue: str = "simulated", live: bool = False) -> int:
    """Set the market's time to now with fresh hot state; return the newest tick's number."""
    now_ms = time.time() * 1000
    store_clock(client, now_ms=now_ms, venue=venue, live=live)
    store_features(client, age_ms=0)
    return int(now_ms // TICK_MS)


def store_features(client: redis.Redis, *, age_ms: float) -> None:
    feature_ms = time.time() * 1000 - age_ms
    book: Any = {"bid": "60000", "ask": "60000.5", "ts": str(round(feature_ms))}
    client.hset(keys.ob(SYMBOL), mapping=book)
    features: Any = {"mid_price": "60000.25", "feature_ts": repr(feature_ms / 1000)}
    client.hset(keys.feat(SYMBOL), mapping=features)
