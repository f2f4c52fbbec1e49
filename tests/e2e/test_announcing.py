"""A strong signal told while the reader looks elsewhere: notification, sound, words."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from playwright.sync_api import BrowserContext, Page, expect

from inference.vocabulary import Direction
from market.candles.timeframes import Timeframe
from tests.integration.web_socket import publish_signals, store_clock
from tests.signals import signal, store_state
from tests.waiting import eventually_sync
from tests.web_instance import WebInstance

BTC, ETH = "BTCUSDT", "ETHUSDT"
H1, D1 = Timeframe.H1, Timeframe.D1

# Headless Chromium refuses every notification, so the page is given one that only keeps a record.
# What is said in words is taken back after some seconds, so that is kept, too.
RECORDING = """(permission) => {
  window.told = [];
  window.asked = 0;
  class Recorded extends EventTarget {
    static permission = permission;
    static async requestPermission() {
      window.asked += 1;
      if (Recorded.permission === "default") Recorded.permission = "granted";
      return Recorded.permission;
    }
    constructor(title, options) {
      super();
      window.told.push({ title, ...options });
      window.last = this;
    }
    close() {}
  }
  window.Notification = Recorded;
  window.said = [];
  new MutationObserver(() => {
    const text = document.querySelector("[data-testid=announced]")?.textContent;
    if (text && text !== window.said.at(-1)) window.said.push(text);
  }).observe(document, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def running(prepared_web: WebInstance) -> Iterator[WebInstance]:
    """One process for all tests here."""
    with prepared_web:
        yield prepared_web


@pytest.fixture
def now_ms(clean_redis: redis.Redis) -> float:
    """Market time just after a day's close; BTC has a strong signal from the beginning."""
    now_ms = time.time() * 1000 // D1.ms * D1.ms + 1_000
    store_clock(clean_redis, now_ms=now_ms)
    store_state(clean_redis, signal(BTC, H1, at_ms=now_ms))
    return now_ms


def opened(page: Page, web: WebInstance, path: str, permission: str = "default") -> None:
    page.add_init_script(f"({RECORDING})({permission!r})")
    page.goto(web.url + path)
    expect(page.get_by_test_id("connection")).to_have_text("connected")


def choose(page: Page, way: str) -> None:
    page.get_by_test_id("settings").click()
    page.get_by_role("checkbox", name=way).click()
    page.get_by_test_id("settings").click()


def told(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("window.told")
    return found


def said(page: Page) -> list[str]:
    """Return what was said in words, however short a time it stood there."""
    found: list[str] = page.evaluate("window.said")
    return found


def has_said(page: Page, spoken: list[str]) -> bool:
    return said(page) == spoken


def test_strong_signals_are_notified_once_of_a_batch_and_lead_to_the_matrix(
    running: WebInstance, clean_redis: redis.Redis, page: Page, now_ms: float
) -> None:
    opened(page, running, "/")
    assert page.evaluate("window.asked") == 0
    choose(page, "Notify me")
    assert page.evaluate("window.asked") == 1

    weak = signal(BTC, D1, at_ms=now_ms + 100, confidence=0.6)
    idle = signal(ETH, D1, at_ms=now_ms + 100, direction=Direction.NO_TRADE, confidence=0.9)
    publish_signals(clean_redis, 1, weak, idle)
    one = signal(ETH, H1, at_ms=now_ms + 200, direction=Direction.SHORT, confidence=0.81)
    publish_signals(clean_redis, 2, one)
    eventually_sync(lambda: told(page))
    (first,) = told(page)
    assert first["title"] == "SIMULATED · ▼ SHORT ETHUSDT 1h, 81 %"
    assert first["body"].startswith("Entry 42,500.50, stop 43,100.75, target 41,900.25. Valid for ")

    many = [
        signal(symbol, H1, at_ms=now_ms + 300, confidence=confidence)
        for symbol, confidence in ((BTC, 0.72), (ETH, 0.74), ("SOLUSDT", 0.9))
    ]
    publish_signals(clean_redis, 3, *many)
    eventually_sync(lambda: len(told(page)) > 1)
    assert told(page)[1]["title"] == "SIMULATED · 2 strong signals, 1h"
    assert told(page)[1]["body"].splitlines() == [
        "▲ LONG SOLUSDT 1h, 90 %",
        "▲ LONG ETHUSDT 1h, 74 %",
    ], "BTC said the same of the same candle before"

    page.evaluate("window.last.dispatchEvent(new Event('click'))")
    page.wait_for_url("**/signals#SOLUSDT/1h")
    expect(page.get_by_test_id("detail-title")).to_have_text("SOLUSDT · 1h")


def test_nothing_is_told_of_what_was_known_after_a_break(
    running: WebInstance, clean_redis: redis.Redis, page: Page, now_ms: float
) -> None:
    opened(page, running, "/signals", "granted")
    choose(page, "Notify me")
    assert told(page) == []
    assert running.stop() == 0
    expect(page.get_by_test_id("notice")).to_contain_text("Disconnected")
    store_state(clean_redis, signal(ETH, H1, at_ms=now_ms + 500, confidence=0.75))
    running.start()
    expect(page.get_by_test_id("connection")).to_have_text("connected")
    eventually_sync(lambda: told(page))
    assert [each["title"] for each in told(page)] == ["SIMULATED · ▲ LONG ETHUSDT 1h, 75 %"]


def test_of_two_tabs_one_notifies_and_both_speak(
    running: WebInstance, clean_redis: redis.Redis, page: Page, now_ms: float
) -> None:
    context: BrowserContext = page.context
    opened(page, running, "/signals", "granted")
    choose(page, "Notify me")
    choose(page, "Screen reader")
    other = context.new_page()
    opened(other, running, "/", "granted")
    publish_signals(clean_redis, 1, signal(ETH, H1, at_ms=now_ms + 100))
    spoken = ["simulated, strong signal: ETHUSDT 1h long, 78 %."]
    for tab in (page, other):
        expect(tab.get_by_test_id("announced")).to_have_attribute("aria-live", "polite")
        eventually_sync(partial(has_said, tab, spoken))
    publish_signals(clean_redis, 2, signal("SOLUSDT", H1, at_ms=now_ms + 200))
    spoken.append("simulated, strong signal: SOLUSDT 1h long, 78 %.")
    for tab in (page, other):
        eventually_sync(partial(has_said, tab, spoken))
    eventually_sync(lambda: len(told(page)) + len(told(other)) >= 2)
    before = told(other)
    other.reload()
    expect(other.get_by_test_id("connection")).to_have_text("connected")
    titles = sorted(each["title"] for each in [*before, *told(page), *told(other)])
    assert titles == [f"SIMULATED · ▲ LONG {s} 1h, 78 %" for s in (ETH, "SOLUSDT")]


def test_a_refusing_browser_is_told_in_words_and_the_test_button_tells(
    running: WebInstance, page: Page, now_ms: float
) -> None:
    opened(page, running, "/signals", "denied")
    page.get_by_test_id("settings").click()
    box = page.get_by_role("checkbox", name="Notify me")
    box.click()
    expect(page.get_by_test_id("announce-say")).to_contain_text("The browser refuses")
    expect(box).not_to_be_checked()
    page.get_by_test_id("announce-test").click()
    expect(page.get_by_test_id("announce-say")).to_have_text("Choose a way first.")
    page.get_by_role("checkbox", name="Sound").check()
    page.get_by_test_id("announce-test").click()
    expect(page.get_by_test_id("announce-say")).to_have_text("Told.")
    page.reload()
    page.get_by_test_id("settings").click()
    expect(page.get_by_role("checkbox", name="Sound")).to_be_checked()
