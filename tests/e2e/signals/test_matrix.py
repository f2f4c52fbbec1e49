"""The matrix of signals: stored and published signals in, what a trader sees out."""

import re
from typing import Any

import redis
from playwright.sync_api import Page, expect

from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.e2e.conftest import Heard
from tests.e2e.signals.matrix import BTC, D1, ETH, H1, H4, M15, SOL, cell, market_now, part, seen
from tests.integration.web_socket import publish_signals, store_clock
from tests.signals import no_signal, signal, store_state
from tests.web_instance import WebInstance

WRITTEN_IN_TWO_SECONDS = """() => new Promise((done) => {
  const written = [];
  const heard = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const cell = (target.nodeType === 1 ? target : target.parentElement).closest(".cell");
      written.push(cell ? `${cell.dataset.symbol}/${cell.dataset.timeframe}` : "elsewhere");
    }
  });
  const watched = { subtree: true, childList: true, characterData: true, attributes: true };
  heard.observe(document.querySelector("tbody"), watched);
  setTimeout(() => done(written), 2000);
})"""


def test_signals_page_shows_every_coin_and_new_signals_and_asks_nobody_else(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    now_ms = market_now(clean_redis, speed=0.01)  # what is left of a signal stays as it is
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
    expect(seen(page, BTC, M15)).to_contain_text("▲ LONG 78 % 1:")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "true")
    expect(seen(page, ETH, H1)).to_have_text("– below threshold 41 %")
    expect(cell(page, ETH, H1)).to_have_accessible_name(
        "ETHUSDT 1h: NO TRADE, confidence 41 %, "
        "the likeliest direction is less likely than the threshold."
    )
    expect(seen(page, ETH, D1)).to_have_text("– no skill shown")
    expect(seen(page, SOL, H4)).to_have_text("✕ short history")
    expect(cell(page, SOL, H4)).to_have_accessible_name(re.compile("fewer candles than"))
    expect(seen(page, SOL, D1)).to_have_text("· not made yet")
    expect(page.get_by_test_id("agree-ETHUSDT")).to_have_text("▲2")
    expect(page.get_by_test_id("now-ETHUSDT")).to_contain_text("42,500.5")

    new = signal(BTC, M15, at_ms=now_ms + 100, direction=Direction.SHORT, confidence=0.44)
    late = no_signal(ETH, M15, SignalReason.CANDLE_LATE)
    publish_signals(clean_redis, 7, new, late)
    expect(seen(page, BTC, M15)).to_contain_text("▼ SHORT 44 %")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "false")
    expect(seen(page, ETH, M15)).to_contain_text("▲ LONG 78 %")
    expect(seen(page, ETH, M15)).to_contain_text("! 1:")
    cell(page, ETH, M15).hover()
    expect(page.get_by_test_id("says")).to_contain_text("No newer signal, the candle closed over")

    assert heard.complaints == []
    assert heard.strangers(web.url) == []


def test_signals_page_signal_that_expires_fades_without_a_frame(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_clock(clean_redis, now_ms=now_ms + 111_000, speed=0.01)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "false")
    expect(seen(page, BTC, M15)).to_contain_text("0:0")
    store_clock(clean_redis, now_ms=now_ms + 118_000)
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "true")
    expect(seen(page, BTC, M15)).to_contain_text("expired")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "false")
    gone = no_signal(BTC, M15, SignalReason.SYMBOL_DELISTED)
    publish_signals(clean_redis, 7, gone)
    expect(seen(page, BTC, M15)).to_have_text("✕ delisted")


def test_signals_page_rows_keep_their_places_under_the_pointer(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    for symbol, confidence in ((BTC, 0.6), (ETH, 0.5)):
        store_state(clean_redis, signal(symbol, H1, at_ms=now_ms, confidence=confidence))
    page.goto(f"{web.url}/signals?sort=1h")
    expect(page.locator("tbody tr").first).to_have_attribute("data-symbol", BTC)
    cell(page, BTC, H1).hover()
    newer = signal(ETH, H1, at_ms=now_ms + 100, confidence=0.9)
    publish_signals(clean_redis, 7, newer)
    expect(seen(page, ETH, H1)).to_contain_text("90 %")
    expect(page.get_by_test_id("sort-again")).to_be_visible()
    expect(page.locator("tbody tr").first).to_have_attribute("data-symbol", BTC)
    page.get_by_test_id("connection").hover()
    expect(page.locator("tbody tr").first).to_have_attribute("data-symbol", ETH)
    expect(page.get_by_test_id("sort-again")).to_be_hidden()


def test_signals_page_draws_only_what_changed(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    for symbol in DEFAULT_SIGNAL_SYMBOLS:
        store_state(clean_redis, signal(symbol, D1, at_ms=now_ms))
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(seen(page, BTC, M15)).to_contain_text("LONG")
    expect(seen(page, BTC, D1)).to_contain_text("3h ")
    written = page.evaluate(WRITTEN_IN_TWO_SECONDS)
    assert written
    assert set(written) == {f"{BTC}/15m"}


def test_signals_page_says_when_the_feed_or_the_server_has_stopped(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    features: Any = {"mid_price": "60000", "feature_ts": repr((now_ms - 20_000) / 1000)}
    clean_redis.hset(keys.feat(BTC), mapping=features)
    page.goto(f"{web.url}/signals")
    notice, told = page.get_by_test_id("notice"), page.get_by_test_id("notice-told")
    expect(notice).to_contain_text("s old")
    first = str(told.text_content())
    expect(notice).not_to_have_text(first)
    expect(told).to_have_text(first)

    assert web.stop() == 0
    expect(notice).to_contain_text("Disconnected")
    expect(told).to_contain_text("Disconnected")
    expect(page.get_by_test_id("connection-told")).to_have_text("disconnected")
    expect(page.get_by_test_id("matrix-card")).to_have_attribute("data-panel", "stale")
    cell(page, BTC, M15).click()
    expect(part(page, "stale")).to_contain_text("Disconnected")
    expect(seen(page, BTC, M15)).to_contain_text("LONG")
    web.start()
    expect(page.get_by_test_id("connection")).to_have_text("connected")
    new = signal(BTC, M15, at_ms=now_ms + 100, direction=Direction.SHORT)
    publish_signals(clean_redis, 7, new)
    expect(seen(page, BTC, M15)).to_contain_text("SHORT")


def test_signals_page_judges_ages_on_a_sped_up_market_by_the_wall(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis, speed=60.0)
    store_state(clean_redis, signal(BTC, D1, at_ms=now_ms))
    minute: Any = {"mid_price": "60000", "feature_ts": repr((now_ms - 60_000) / 1000)}
    clean_redis.hset(keys.feat(BTC), mapping=minute)
    page.goto(f"{web.url}/signals")
    expect(seen(page, BTC, D1)).to_contain_text("LONG")
    # A minute of this market is a second; the first complaint is of the loop, which is not there.
    expect(page.get_by_test_id("notice")).to_contain_text("signal loop is not running")
    expect(page.get_by_test_id("notice")).to_contain_text("s old: the feed")
