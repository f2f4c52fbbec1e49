"""The signals page in a browser: stored and published signals in, what a trader sees out."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
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

# How far apart the texts of a coin's name, its price and its first cell are, in px.
APART = """(symbol) => {
  const ink = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const row = document.querySelector(`tr[data-symbol="${symbol}"]`);
  const [coin, now, first] = [row.querySelector("th a"), row.cells[1], row.cells[2]];
  const price = ink(now);
  return [price.left - ink(coin).right, first.getBoundingClientRect().left - price.right];
}"""


@pytest.fixture(scope="module")
def running(prepared_web: WebInstance) -> Iterator[WebInstance]:
    """One process for all tests here: what it shows it reads anew for every page."""
    with prepared_web:
        yield prepared_web


@pytest.fixture
def web(running: WebInstance, clean_redis: redis.Redis) -> WebInstance:
    return running


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
    publish_as_loop(clean_redis, batch_message(7, new, late))
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
    store_clock(clean_redis, now_ms=now_ms + 111_000)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "false")
    expect(seen(page, BTC, M15)).to_contain_text("0:0")
    expect(cell(page, BTC, M15)).to_have_attribute("data-expired", "true", timeout=15_000)
    expect(seen(page, BTC, M15)).to_contain_text("expired")
    expect(cell(page, BTC, M15)).to_have_attribute("data-strong", "false")
    gone = no_signal(BTC, M15, SignalReason.SYMBOL_DELISTED)
    publish_as_loop(clean_redis, batch_message(7, gone))
    expect(seen(page, BTC, M15)).to_have_text("✕ delisted")


def test_signals_page_keyboard_chooses_a_signal_and_shows_it_in_full(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    said = signal(BTC, H1, at_ms=now_ms, direction=Direction.SHORT, role=Role.BASELINE)
    store_state(clean_redis, said)
    page.goto(f"{web.url}/signals")
    expect(seen(page, BTC, H1)).to_contain_text("SHORT")
    page.keyboard.press("/")
    expect(page.get_by_test_id("filter")).to_be_focused()
    page.keyboard.type("btc")
    expect(page.locator("#matrix tbody tr:visible")).to_have_count(1)
    expect(page.get_by_test_id("shown")).to_have_text("1 of 34 coins")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(cell(page, BTC, H1)).to_be_focused()
    expect(page.get_by_test_id("says")).to_contain_text(
        "BTCUSDT 1h: SHORT, confidence 78 %, strong"
    )
    page.keyboard.press("Enter")

    expect(part(page, "title")).to_have_text("BTCUSDT · 1h")
    expect(part(page, "direction")).to_have_text("▼ SHORT")
    expect(part(page, "state")).to_contain_text("Valid for 7:")
    expect(part(page, "levels").locator("tr:visible")).to_have_text(
        [
            "Stop43,100.75+1.41 %−1Copy",
            "Entry42,500.50Copy",
            "Target 141,900.25−1.41 %+1Copy",
            "Target 241,300.00−2.82 %+2Copy",
            "Target 340,699.75−4.24 %+3Copy",
        ]
    )
    expect(part(page, "eta")).to_have_text("about 45 min (80 %: 15 min to 2 h 30 min)")
    expect(part(page, "probabilities")).to_have_text("▲ long 11 % · – no trade 11 % · ▼ short 78 %")
    expect(part(page, "accuracy")).to_have_text("41.2 % out-of-sample")
    expect(part(page, "record")).to_contain_text("not measured yet, n = 0 of the 30 it takes")
    expect(part(page, "model")).to_contain_text("v1.0.0, a baseline speaks")
    expect(part(page, "venue")).to_have_text("simulated, not live")

    page.keyboard.press("Escape")
    expect(part(page, "title")).to_have_text("No signal chosen")
    expect(cell(page, BTC, H1)).to_be_focused()


def test_signals_page_keys_move_through_rows_and_heads_and_sort(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_state(clean_redis, signal(BTC, M15, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(seen(page, BTC, M15)).to_contain_text("LONG")
    first, last = DEFAULT_SIGNAL_SYMBOLS[0], DEFAULT_SIGNAL_SYMBOLS[-1]
    cell(page, first, M15).focus()
    reached = {
        "End": cell(page, first, D1),
        "PageDown": cell(page, DEFAULT_SIGNAL_SYMBOLS[10], D1),
        "Control+End": cell(page, last, D1),
        "PageUp": cell(page, DEFAULT_SIGNAL_SYMBOLS[-11], D1),
        "Control+Home": cell(page, first, D1),
        "ArrowLeft": cell(page, first, H4),
        "Home": page.locator(f"tr[data-symbol='{first}'] a"),
        "ArrowRight": cell(page, first, M15),
        "ArrowUp": page.locator("th[data-sort='15m'] button"),
    }
    for key, there in reached.items():
        page.keyboard.press(key)
        expect(there).to_be_focused()
    assert page.locator("#matrix [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    expect(page.locator("th[data-sort='15m']")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("tbody tr").first).to_have_attribute("data-symbol", BTC)

    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("keys")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator("#matrix :focus")).to_have_count(0)


def test_signals_page_address_holds_filters_order_and_choice(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    now_ms = market_now(clean_redis)
    store_state(clean_redis, signal(BTC, H1, at_ms=now_ms, confidence=0.72))
    store_state(clean_redis, signal(ETH, H1, at_ms=now_ms, confidence=0.81))
    store_state(clean_redis, signal(SOL, H4, at_ms=now_ms, direction=Direction.SHORT))
    idle = signal(
        "XRPUSDT",
        H1,
        at_ms=now_ms,
        direction=Direction.NO_TRADE,
        reason=SignalReason.NO_SKILL_SHOWN,
    )
    store_state(clean_redis, idle)
    page.goto(f"{web.url}/signals")
    expect(seen(page, ETH, H1)).to_contain_text("LONG")
    expect(page.get_by_test_id("counts")).to_have_text("2 long and 1 short open to enter")

    page.get_by_role("button", name="Hide silent coins").click()
    expect(page.get_by_test_id("shown")).to_have_text("3 of 34 coins")
    page.get_by_role("button", name="Strong", exact=True).click()
    page.get_by_role("button", name="Long", exact=True).click()
    page.get_by_role("group", name="Timeframes shown").get_by_text("4h").click()
    page.get_by_test_id("sort").select_option("1h")
    expect(rows(page)).to_have_text([re.compile("^ETH"), re.compile("^BTC")])
    expect(page.locator("th[data-column='4h']")).to_be_hidden()
    page.get_by_test_id("turn").click()
    expect(rows(page)).to_have_text([re.compile("^BTC"), re.compile("^ETH")])
    cell(page, ETH, H1).click()
    address = page.url
    assert address.removeprefix(web.url) == (
        "/signals?direction=long&timeframe=15m,1h,1d&strong=1&hide=1&sort=1h&order=asc#ETHUSDT/1h"
    )

    page.goto("about:blank")
    page.goto(address)
    expect(rows(page)).to_have_text([re.compile("^BTC"), re.compile("^ETH")])
    expect(page.get_by_role("button", name="Strong", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(part(page, "title")).to_have_text("ETHUSDT · 1h")
    page.get_by_test_id("filter").fill("sol")
    expect(page.get_by_test_id("matrix-card")).to_have_attribute("data-panel", "empty")
    expect(page.get_by_text("No coin passes these filters.")).to_be_visible()
    page.get_by_test_id("matrix-card").get_by_role("status").get_by_role("button").click()
    expect(page.get_by_test_id("shown")).to_have_text("34 coins")
    assert page.url == f"{web.url}/signals?sort=1h&order=asc#ETHUSDT/1h"


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
    publish_as_loop(clean_redis, batch_message(7, newer))
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


def test_signals_page_detail_copies_tells_the_record_and_leads_on(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=web.url)
    now_ms = market_now(clean_redis)
    said = signal(BTC, H1, at_ms=now_ms, direction=Direction.SHORT)
    store_state(clean_redis, said)
    figure = {"value": 0.461, "lower": 0.41, "upper": 0.512, "n": 312, "baseline": 0.44}
    record = {"minimum_n": 30, "overall": {"accuracy": figure}}
    row = {"id": 4711, "made_at": "2026-01-01T00:00:00+00:00"}
    moment = datetime.fromtimestamp(said.made_ms / 1000, UTC)
    row["made_at"] = moment.isoformat(timespec="milliseconds")
    page.route("**/api/signals?*", lambda route: route.fulfill(json={"results": [row]}))
    page.route("**/api/accuracy?*", lambda route: route.fulfill(status=403, json={}))
    page.goto(f"{web.url}/signals#BTCUSDT/1h")
    expect(part(page, "record")).to_have_attribute("data-panel", "denied")
    page.route("**/api/accuracy?*", lambda route: route.abort())
    cell(page, ETH, H1).click()
    expect(part(page, "title")).to_have_text("ETHUSDT · 1h")
    cell(page, BTC, H1).click()
    expect(part(page, "record")).to_have_attribute("data-panel", "error")
    page.route("**/api/accuracy?*", lambda route: route.fulfill(json=record))
    part(page, "record").get_by_role("button", name="Try again").click()
    expect(part(page, "live-accuracy")).to_have_text(
        "46.1 %95 %: 41.0 % to 51.2 %, n = 312; the commonest class alone 44.0 %"
    )
    expect(part(page, "links").get_by_role("link")).to_have_text(
        ["This signal", "BTCUSDT", "Live forecast", "Accuracy"]
    )
    links = part(page, "links").get_by_role("link").evaluate_all("all => all.map(a => a.href)")
    assert [link.removeprefix(web.url) for link in links] == [
        "/signals/4711",
        "/symbols/BTCUSDT",
        "/?symbol=BTCUSDT",
        "/accuracy?engine=signals&symbol=BTCUSDT&timeframe=1h",
    ]

    page.get_by_role("button", name="Copy stop, 43100.75").click()
    assert clipboard(page) == "43100.75"
    page.get_by_test_id("copy-json").click()
    expect(page.get_by_test_id("copy-json")).to_have_text("Copied")
    assert json.loads(clipboard(page))["stop_loss"] == 43_100.75
    page.get_by_test_id("copy-text").click()
    expect(page.get_by_test_id("copy-text")).to_have_text("Copied")
    told = clipboard(page).splitlines()
    assert told[0] == "BTCUSDT 1h SHORT, confidence 78 % (simulated, not live)"
    assert told[1:4] == ["Entry 42500.50", "Stop 43100.75", "Target 1 41900.25"]


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
    expect(page.get_by_test_id("connection")).to_have_text("connected", timeout=20_000)
    new = signal(BTC, M15, at_ms=now_ms + 100, direction=Direction.SHORT)
    publish_as_loop(clean_redis, batch_message(7, new))
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
    expect(seen(page, BTC, H1)).to_contain_text("below threshold")
    box = cell(page, BTC, H1).bounding_box()
    assert box is not None and box["height"] <= 46
    cell(page, BTC, H4).click()
    expect(part(page, "state")).to_contain_text("direction")
    expect(cell(page, BTC, H4)).to_be_in_viewport()
    sheet = page.get_by_test_id("detail").bounding_box()
    assert sheet is not None and sheet["y"] + sheet["height"] == 844
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_test_id("detail")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_signals_page_needs_no_sideways_scrolling(
    web: WebInstance, clean_redis: redis.Redis, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    now_ms = market_now(clean_redis)
    for timeframe in SIGNAL_TIMEFRAMES:
        store_state(clean_redis, signal(BTC, timeframe, at_ms=now_ms))
    page.goto(f"{web.url}/signals")
    expect(seen(page, BTC, D1)).to_contain_text("3h 11m")
    cell(page, BTC, D1).click()
    expect(part(page, "title")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [1024, 1366, 1440])
def test_signals_page_long_name_and_price_keep_to_their_columns(
    web: WebInstance, clean_redis: redis.Redis, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    now_ms = market_now(clean_redis)
    long_name = "1000SATSUSDT"
    store_state(clean_redis, signal(long_name, D1, at_ms=now_ms, entry=0.00003174))
    store_state(clean_redis, signal(long_name, M15, at_ms=now_ms + M15.ms, entry=0.00002174))
    page.goto(f"{web.url}/signals")
    expect(page.get_by_test_id(f"now-{long_name}")).to_contain_text("−31.51 %")
    gaps = page.evaluate(APART, long_name)
    assert min(gaps) >= 4, gaps


def cell(page: Page, symbol: str, timeframe: Timeframe) -> Locator:
    return page.get_by_test_id(f"cell-{symbol}-{timeframe}")


def seen(page: Page, symbol: str, timeframe: Timeframe) -> Locator:
    return cell(page, symbol, timeframe).locator(".seen")


def rows(page: Page) -> Locator:
    return page.locator("#matrix tbody tr:visible")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"detail-{name}")


def market_now(client: redis.Redis, *, speed: float = 1.0) -> float:
    """Set the market's time to just after a day's close, when all candles close; return it."""
    now_ms = time.time() * 1000 // DAY_MS * DAY_MS + 1_000
    store_clock(client, now_ms=now_ms, speed=speed)
    return now_ms
