"""Pages that lose the server, Redis, the network or the market: they say so, and catch up."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from inference.vocabulary import Direction
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from tests.e2e.places import PLACES, Place, visit
from tests.e2e.stack import Stack
from tests.signals import signal, store_state
from tests.waiting import eventually_sync

LIVE = PLACES[0]
WITH_A_SOCKET = [
    place
    for place in PLACES
    if place.name in ("live", "signals", "symbol", "signal-open", "accuracy", "models", "system")
]
_ROWS = r"""body => [...body.rows]
  .map((row) => [...row.cells].map((cell) => cell.textContent).join("|")).join("\n")"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC")
    with closing(made):
        yield made


def test_every_page_whose_server_is_killed_says_so_and_catches_up_by_itself(
    stack: Stack, context: BrowserContext
) -> None:
    pages = {place.name: opened(stack, context, place) for place in WITH_A_SOCKET}
    show_chart_table(pages["live"])
    asleep = opened(stack, context, LIVE)
    show_chart_table(asleep)
    set_lifecycle(asleep, "frozen")
    known = newest_second(pages["live"])

    stack.kill_web()
    for page in pages.values():
        expect(connection(page)).not_to_have_attribute("data-state", "open")
        expect(page.get_by_test_id("notice")).to_contain_text("Disconnected")
    say_meanwhile(stack)
    priced = seconds_with_a_price(stack)
    stack.start_web()
    set_lifecycle(asleep, "active")

    for page in (*pages.values(), asleep):
        expect(connection(page)).to_have_attribute("data-state", "open")
        expect(page.get_by_test_id("notice")).to_be_hidden()
    said = pages["signals"].get_by_test_id("cell-SOLUSDT-15m")
    expect(said).to_contain_text("SHORT")
    expect(said).to_contain_text("91 %")
    for page in (pages["live"], asleep):
        expect_to_catch_up(page, known, priced)


def test_live_page_without_a_network_says_so_and_catches_up(
    stack: Stack, context: BrowserContext
) -> None:
    page = opened(stack, context, LIVE)
    show_chart_table(page)
    known = newest_second(page)
    context.set_offline(True)
    expect(page.get_by_test_id("notice")).to_contain_text("Disconnected")
    priced = seconds_with_a_price(stack)
    context.set_offline(False)
    expect(connection(page)).to_have_attribute("data-state", "open")
    expect_to_catch_up(page, known, priced)


def test_live_page_says_how_old_data_are_while_the_feed_stands_still(
    stack: Stack, context: BrowserContext
) -> None:
    page = opened(stack, context, LIVE)
    with stack.standing_still("run_market_feed"):
        expect(page.get_by_test_id("notice")).to_contain_text(" s old")
    expect(page.get_by_test_id("notice")).to_be_hidden()


def test_pages_whose_redis_is_killed_say_so_and_go_on_when_it_is_back(
    stack: Stack, context: BrowserContext
) -> None:
    pages = [opened(stack, context, place) for place in WITH_A_SOCKET]
    stack.kill_redis()
    for page in pages:
        expect(page.get_by_test_id("notice")).to_contain_text("Redis")
    stack.start_redis()
    for page in pages:
        expect(page.get_by_test_id("notice")).to_be_hidden()
    seen = pages[0].get_by_test_id("forecast").get_attribute("data-seq")
    expect(pages[0].get_by_test_id("forecast")).not_to_have_attribute("data-seq", seen or "")


def opened(stack: Stack, context: BrowserContext, place: Place) -> Page:
    page = context.new_page()
    visit(stack, page, place)
    return page


def connection(page: Page) -> Locator:
    return page.get_by_test_id("connection")


def set_lifecycle(page: Page, state: str) -> None:
    """Let a page sleep ("frozen") as with its laptop, or wake up ("active")."""
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": state})


def show_chart_table(page: Page) -> None:
    page.locator('[data-minutes="5"]').click()
    page.get_by_test_id("twin-chart").locator("summary").click()
    expect(page.get_by_test_id("twin-chart").locator("tbody tr").first).to_be_visible()


def chart_rows(page: Page) -> list[list[str]]:
    """Return the chart's numbers, the newest second first: time, mid, forecast, …"""
    text: str = page.get_by_test_id("twin-chart").locator("tbody").evaluate(_ROWS)
    return [line.split("|") for line in text.splitlines()]


def newest_second(page: Page) -> str:
    return next((row[0] for row in chart_rows(page) if row[1] != "–"), "")


def seconds_with_a_price(stack: Stack) -> set[str]:
    """Return the seconds of which the market has told a price, as the chart writes them."""
    with stack.client() as client:
        told: Any = client.xrange(keys.px("BTCUSDT"))
    seconds = {int(entry_id.partition(b"-")[0]) // 1_000 for entry_id, _ in told}
    return {datetime.fromtimestamp(each, UTC).strftime("%H:%M:%S") for each in seconds}


def holes(page: Page, priced: set[str]) -> set[str]:
    """Return the seconds of the chart that have a price and are shown without one."""
    return {row[0] for row in chart_rows(page) if row[1] == "–"} & priced


def expect_to_catch_up(page: Page, known: str, priced: set[str]) -> None:
    """Wait for a newer second than `known`, and for every price that was told meanwhile."""
    eventually_sync(lambda: newest_second(page) != known)
    try:
        eventually_sync(lambda: not holes(page, priced))
    except TimeoutError as error:
        raise AssertionError(f"no mid price at {holes(page, priced)}") from error


def say_meanwhile(stack: Stack) -> None:
    """Store a signal as the loop would that speaks while nobody serves it."""
    with stack.client(decode_responses=True) as client:
        market = MarketTime.from_hash(client.hgetall(keys.clock()))
        if market is None:
            raise RuntimeError("no market runs")
        said = signal(
            "SOLUSDT",
            Timeframe.M15,
            at_ms=market.market_at(time.time() * 1e3),
            direction=Direction.SHORT,
            confidence=0.91,
            venue=market.venue,
        )
        store_state(client, said)
