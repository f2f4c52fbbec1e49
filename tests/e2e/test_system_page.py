"""The System page in a browser: what is wrong first, and what becomes of it while Redis is gone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Page, ViewportSize, expect

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.vocabulary import FORECASTS
from market import keys
from tests.e2e.conftest import Heard
from tests.hot_state import write_listings
from tests.integration.web_socket import store_clock
from tests.web_instance import WebInstance

PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def mortal(short_dir: Path) -> Iterator[RedisServer]:
    """A Redis that a test may end."""
    server = RedisServer(locate(short_dir), find_program(), memory="64mb")
    server.start()
    yield server
    server.stop(drain_seconds=0)


def beat(client: redis.Redis, process: str, status: str = "healthy", **detail: Any) -> None:
    now_ms = time.time_ns() // 1_000_000
    fields: Any = {"status": status, "pid": 7, "ts": now_ms, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def all_well(client: redis.Redis) -> None:
    store_clock(client, now_ms=time.time_ns() // 1_000_000)
    for process in ("market", "inference", "signals", "recorder"):
        beat(client, process)


def test_system_page_tells_what_is_wrong_what_to_do_and_what_waits(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    all_well(clean_redis)
    beat(clean_redis, "market", venue="simulated", live=False, speed=1.0)
    clean_redis.xadd(keys.log(FORECASTS), {"entry": "a"})
    page.goto(f"{web.url}/system")

    expect(page.get_by_test_id("venue-banner")).to_contain_text("SIMULATED MARKET")
    expect(page.get_by_test_id("all-well")).to_be_visible()
    expect(page.get_by_test_id("process-market")).to_contain_text("simulated")
    expect(page.get_by_test_id("process-web")).to_contain_text("open page or bot")
    expect(page.get_by_test_id("stream-forecasts")).to_contain_text("log:forecasts")
    expect(page.get_by_test_id("panel-ledger")).to_contain_text("Last checkpoint signed")

    clean_redis.delete(keys.health("recorder"))
    beat(clean_redis, "signals", "degraded", unheard="candles cannot be heard of")

    alert = page.get_by_test_id("alert-process_down")
    expect(alert).to_contain_text("The recorder process is silent")
    expect(alert).to_contain_text("The supervisor starts it anew")
    expect(alert).to_have_attribute("data-severity", "critical")
    expect(page.get_by_test_id("alert-list").locator("li").first).to_contain_text("recorder")
    expect(page.get_by_test_id("alert-candles_unheard")).to_be_visible()
    expect(page.get_by_test_id("process-recorder")).to_contain_text("down")
    expect(page.get_by_test_id("all-well")).to_be_hidden()

    page.set_viewport_size(PHONE)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False
    assert heard.strangers(web.url) == []
    assert heard.complaints == []


LIVE_FEED = {
    "exchange": "binance",
    "connections": [
        {
            "name": "market-1",
            "up": True,
            "age_ms": 5e6,
            "proof_age_ms": 20.0,
            "symbols": ["BTCUSDT"],
        },
        {"name": "market-2", "up": False, "attempts": 2, "error": "reset by peer"},
    ],
    "counters": {"frames": 12_345, "gaps": 3},
    "last_minute": {"frames": 800},
    "clock_offset_ms": -12.5,
    "clock_uncertainty_ms": 4.0,
}
OUTAGE = {
    "since_ms": 1_767_225_600_000,
    "tried": [{"exchange": "binance", "error": "timed out"}, {"exchange": "kraken", "error": "no"}],
}


def test_live_market_is_named_on_every_page_and_so_is_its_outage(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    all_well(clean_redis)
    store_clock(clean_redis, now_ms=time.time() * 1e3, venue="binance", live=True)
    beat(clean_redis, "market", "active", venue="binance", feed=LIVE_FEED)
    write_listings(clean_redis, "binance", BTCUSDT="trading", ETHUSDT="symbol_halted")
    page.goto(f"{web.url}/system")

    expect(page.get_by_test_id("venue")).to_have_text("live · binance")
    expect(page.get_by_test_id("venue-banner")).to_be_hidden()
    expect(page.get_by_test_id("notice")).to_be_hidden()
    feed = page.get_by_test_id("panel-feed")
    expect(feed).to_contain_text("1 of 2")
    expect(feed).to_contain_text("−12.5 ms ± 4.0 ms")
    expect(page.get_by_test_id("connection-market-2")).to_contain_text("reset by peer")
    expect(page.get_by_test_id("coin-ETHUSDT")).to_contain_text("halted")
    expect(page.get_by_test_id("alert-connection_lost")).to_be_visible()

    beat(clean_redis, "market", "feed_down", outage=OUTAGE)
    for path in ("/system", "/", "/admin/login/", "/models"):
        page.goto(f"{web.url}{path}")
        notice = page.get_by_test_id("notice")
        expect(notice).to_contain_text("No exchange answers since")
        expect(notice).to_contain_text("tried binance (timed out), kraken (no)")
        expect(page.get_by_test_id("venue")).to_have_text("down · binance")
    assert heard.complaints == []

    store_clock(clean_redis, now_ms=time.time() * 1e3, venue="replay/binance@127.0.0.1:1")
    expect(page.get_by_test_id("venue-banner")).to_contain_text(
        "stands in for an exchange is connected, and no exchange (replay/binance@127.0.0.1:1)",
    )
    expect(page.get_by_test_id("venue")).to_be_hidden()


def test_system_page_redis_killed_is_told_and_the_page_recovers(
    prepared_web: WebInstance, mortal: RedisServer, short_dir: Path, page: Page
) -> None:
    with (
        prepared_web.beside(locate(short_dir).url) as web,
        redis.Redis.from_url(locate(short_dir).url, decode_responses=True) as client,
    ):
        all_well(client)
        page.goto(f"{web.url}/system")
        expect(page.get_by_test_id("all-well")).to_be_visible()

        mortal.stop(drain_seconds=0)

        away = page.get_by_test_id("alert-redis_away")
        expect(away).to_contain_text("Redis does not answer")
        expect(page.get_by_test_id("panel-streams")).to_have_attribute("data-panel", "stale")
        expect(page.get_by_test_id("panel-streams")).to_contain_text("nothing is known of it")
        expect(page.get_by_test_id("panel-ledger")).to_have_attribute("data-panel", "ready")
        expect(page.get_by_test_id("notice")).to_contain_text("Redis")

        mortal.start()
        all_well(client)

        expect(away).to_be_hidden()
        expect(page.get_by_test_id("panel-streams")).to_have_attribute("data-panel", "ready")


def test_system_page_states_of_its_panels(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    all_well(clean_redis)
    answers = [
        {"status": 500, "json": {}},
        {"status": 401, "json": {"status": "error", "code": "unauthorized", "message": "no"}},
    ]
    page.route("**/api/system", lambda route: route.fulfill(**answers[0]))
    page.goto(f"{web.url}/system")
    alerts = page.get_by_test_id("panel-alerts")
    expect(alerts).to_have_attribute("data-panel", "error")
    expect(alerts.get_by_role("button", name="Try again")).to_be_visible()

    page.unroute("**/api/system")
    alerts.get_by_role("button", name="Try again").click()
    expect(alerts).to_have_attribute("data-panel", "ready")

    page.route("**/api/system", lambda route: route.fulfill(**answers[1]))
    expect(alerts).to_have_attribute("data-panel", "denied")
    expect(alerts.get_by_role("button", name="Log in")).to_be_visible()
