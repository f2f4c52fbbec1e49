"""The signals page in a browser: stored and published signals in, what a trader sees out."""

import time
from typing import Any

import pytest
import redis
from playwright.sync_api import Locator, Page, expect

from inference.vocabulary import Direction, Role, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.e2e.conftest import Heard
from tests.integration.web_socket import publish_as_loop, store_clock
from tests.signals import batch_message, no_signal, signal, store_state
from tests.web_instance import WebInstance

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
M15, H1, H4, D1 = SIGNAL_TIMEFRAMES
DAY_MS = D1.ms


def test_signals_page_shows_every_coin_and_new_signals_and_asks_nobody_else(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    now_ms = market_now(clean_redis)
    for symbol in DEFAULT_SIGNAL_SYMBOLS:
        for timeframe in SIGNAL_TIMEFRAMES:
            store_state(clean_redis, signal(symbol, timeframe, at_ms=now_ms - 1_000))
    store_state(
        clean_redis,
        signal(
            ETH,
            H1,
            at_ms=now_ms,
            direction=Direction.NO_TRADE,
            confidence=0.41,
            reason=SignalReason.BELOW_THRESHOLD,
        ),
    )
    quiet = signal(
        ETH,
        D1,
        at_ms=now_ms,
        direction=Direction.NO_TRADE,
        reason=SignalReason.NO_SKILL_SHOWN,
    )
    store_state(clean_redis, quiet)
    clean_redis.delete(keys.sig(SOL, D1), keys.sig(SOL, H4))
    store_state(clean_redis, None, no_signal(SOL, H4, SignalReason.NOT_ENOUGH_HISTORY))
    page.goto(f"{web.url}/signals")

    expect(page.get_by_test_id("connection")).to_have_text("connected")
    expect(page.get_by_test_id("venue-banner")).to_contain_text("SIMULATED MARKET")
    expect(page.locator("button.cell")).to_have_count(136)
    expect(page.locator('button.cell[data-kind="LONG"]')).to_have_count(132)
    expect(cell(page, BTC, M15)).to_contain_text("▲ LONG 78 % 1:")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "true")
    expect(cell(page, ETH, H1)).to_contain_text("– NO TRADE 41 %")
    expect(cell(page, ETH, H1)).to_contain_text("below threshold")
    expect(cell(page, ETH, D1)).to_have_text("– no direction")
    expect(cell(page, SOL, H4)).to_contain_text("✕ not enough history")
    expect(cell(page, SOL, D1)).to_contain_text("not made yet")

    new = signal(BTC, M15, at_ms=now_ms + 100, direction=Direction.SHORT, confidence=0.44)
    late = no_signal(ETH, M15, SignalReason.CANDLE_LATE)
    publish_as_loop(clean_redis, batch_message(7, new, late))
    expect(cell(page, BTC, M15)).to_contain_text("▼ SHORT 44 %")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "false")
    expect(cell(page, ETH, M15)).to_contain_text("▲ LONG 78 %")
    expect(cell(page, ETH, M15)).to_contain_text("candle late")

    assert heard.complaints == []
    assert heard.strangers(web.url) == []


def test_signals_page_signal_that_expires_fades_without_a_frame(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_clock(clean_redis, now_ms=now_ms + 111_000)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "false")
    expect(cell(page, BTC, M15)).to_contain_text("0:0")
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "true", timeout=15_000)
    expect(cell(page, BTC, M15)).to_contain_text("expired")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "false")


def test_signals_page_keyboard_chooses_a_signal_and_shows_it_in_full(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    said = signal(BTC, H1, at_ms=now_ms, direction=Direction.SHORT, role=Role.BASELINE)
    store_state(clean_redis, said)
    page.goto(f"{web.url}/signals")
    page.get_by_test_id("filter").fill("btc")
    expect(page.locator("tbody tr:visible [data-timeframe='1h']")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")

    expect(part(page, "title")).to_have_text("BTCUSDT · 1h")
    expect(part(page, "direction")).to_have_text("▼ SHORT")
    expect(part(page, "state")).to_contain_text("Valid for 7:")
    expect(part(page, "levels").locator("tr")).to_have_text(
        [
            "Target 340,699.75−4.24 %",
            "Target 241,300.00−2.82 %",
            "Target 141,900.25−1.41 %",
            "Entry42,500.50",
            "Stop43,100.75+1.41 %",
        ]
    )
    expect(part(page, "eta")).to_have_text("about 45 min (80 %: 15 min to 2 h 30 min)")
    expect(part(page, "probabilities")).to_have_text("11 % · 78 % · 11 %")
    expect(part(page, "accuracy")).to_have_text("41.2 % out-of-sample")
    expect(part(page, "live-accuracy")).to_have_text("not measured yet")
    expect(part(page, "model")).to_contain_text("v1.0.0, a baseline speaks")
    expect(part(page, "venue")).to_have_text("simulated, not live")

    page.keyboard.press("Escape")
    expect(part(page, "title")).to_have_text("No signal chosen")


def test_signals_page_says_when_the_feed_or_the_server_has_stopped(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    features: Any = {"mid_price": "60000", "feature_ts": repr((now_ms - 20_000) / 1000)}
    clean_redis.hset(keys.feat(BTC), mapping=features)
    page.goto(f"{web.url}/signals")
    expect(page.get_by_test_id("notice")).to_contain_text("s old")

    assert web.stop() == 0
    expect(page.get_by_test_id("notice")).to_contain_text("Disconnected")
    expect(cell(page, BTC, M15)).to_contain_text("LONG")
    web.start()
    expect(page.get_by_test_id("connection")).to_have_text("connected")
    new = signal(BTC, M15, at_ms=now_ms + 100, direction=Direction.SHORT)
    publish_as_loop(clean_redis, batch_message(7, new))
    expect(cell(page, BTC, M15)).to_contain_text("SHORT")


def test_signals_page_judges_ages_on_a_sped_up_market_by_the_wall(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis, speed=60.0)
    store_state(clean_redis, signal(BTC, D1, at_ms=now_ms))
    minute: Any = {"mid_price": "60000", "feature_ts": repr((now_ms - 60_000) / 1000)}
    clean_redis.hset(keys.feat(BTC), mapping=minute)
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, D1)).to_contain_text("LONG")
    # A minute of this market is a second; the first complaint is of the loop, which is not there.
    expect(page.get_by_test_id("notice")).to_contain_text("signal loop is not running")
    expect(page.get_by_test_id("notice")).to_contain_text("s old: the feed", timeout=10_000)


def test_signals_page_detail_says_how_late_a_signal_was_made(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_state(clean_redis, signal(BTC, H1, at_ms=now_ms))
    store_state(clean_redis, signal(ETH, H1, at_ms=now_ms + 299_000))
    page.goto(f"{web.url}/signals")
    cell(page, BTC, H1).click()
    expect(part(page, "model")).to_be_visible()
    expect(part(page, "made")).to_be_hidden()
    cell(page, ETH, H1).click()
    expect(part(page, "made")).to_have_text("made 5 min after the close")


def test_signals_page_on_a_phone_keeps_a_row_of_no_trades_to_one_line(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    now_ms = market_now(clean_redis)
    reasons = (
        SignalReason.MODEL_SAYS_NO_TRADE,
        SignalReason.BELOW_THRESHOLD,
        SignalReason.NO_SKILL_SHOWN,
    )
    for timeframe, reason in zip(SIGNAL_TIMEFRAMES, reasons, strict=False):
        idle = signal(BTC, timeframe, at_ms=now_ms, direction=Direction.NO_TRADE, reason=reason)
        store_state(clean_redis, idle)
    store_state(clean_redis, None, no_signal(BTC, D1, SignalReason.NOT_ENOUGH_HISTORY))
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, H1)).to_contain_text("below threshold")
    box = cell(page, BTC, H1).bounding_box()
    assert box is not None and box["height"] <= 46
    cell(page, BTC, H4).click()
    expect(part(page, "state")).to_contain_text("direction")


@pytest.mark.parametrize("width", [390, 1440])
def test_signals_page_needs_no_sideways_scrolling(
    web: WebInstance, clean_redis: redis.Redis, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    now_ms = market_now(clean_redis)
    for timeframe in SIGNAL_TIMEFRAMES:
        store_state(clean_redis, signal(BTC, timeframe, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, D1)).to_contain_text("3h 11m")
    cell(page, BTC, D1).click()
    expect(part(page, "title")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def cell(page: Page, symbol: str, timeframe: Timeframe) -> Locator:
    return page.get_by_test_id(f"cell-{symbol}-{timeframe}")


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"detail-{name}")


def market_now(client: redis.Redis, *, speed: float = 1.0) -> float:
    """Set the market's time to just after a day's close, when all candles close; return it."""
    now_ms = time.time() * 1000 // DAY_MS * DAY_MS + 1_000
    store_clock(client, now_ms=now_ms, speed=speed)
    return now_ms
