"""The signals page on narrow and wide screens."""

import pytest
import redis
from playwright.sync_api import Page, expect

from inference.vocabulary import Direction, SignalReason
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from tests.e2e.signals.matrix import BTC, D1, H1, H4, M15, cell, market_now, part, seen
from tests.signals import no_signal, signal, store_state
from tests.web_instance import WebInstance

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
