"""Signals found by keyboard, filter and address, and the chosen one in full."""

import json
import re
from datetime import UTC, datetime

import redis
from playwright.sync_api import Page, expect

from inference.vocabulary import Direction, Role, SignalReason
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.e2e.signals.matrix import (
    BTC,
    D1,
    ETH,
    H1,
    H4,
    M15,
    SOL,
    cell,
    market_now,
    part,
    rows,
    seen,
)
from tests.signals import signal, store_state
from tests.web_instance import WebInstance


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


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
