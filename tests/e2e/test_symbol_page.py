"""The page of one coin in a browser: its candles, its signals, what came of them."""

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from tests.e2e.conftest import Heard
from tests.e2e.record_stage import (
    AFTER,
    M15,
    NOW_MS,
    Stage,
    fill,
    simulated_instance,
    wait_until_recorded,
)
from tests.integration.web_socket import publish_signals
from tests.signal_loops import DAY_MS, VENUE
from tests.signals import signal, store_state
from tests.web_instance import WebInstance

BTC = "BTCUSDT"
MOMENT = "%Y-%m-%d %H:%M"
LAST_CLOSE_MS = DAY_MS + AFTER * M15.ms


@pytest.fixture(scope="module")
def stage(prepared_web: WebInstance) -> Iterator[Stage]:
    with simulated_instance(prepared_web.static) as instance:
        made = Stage(instance)
        fill(made)
        made.record()
        wait_until_recorded(made)
        stand(made)
        instance.start_web()
        yield made


@pytest.fixture
def shown(stage: Stage, page: Page) -> Iterator[Page]:
    """A page in a market that is at the stage's now, and quotes the last close."""
    stage.set_clock(speed=1.0)
    quote(stage, stage.close(BTC, LAST_CLOSE_MS), NOW_MS)
    yield page


def stand(stage: Stage) -> None:
    """Let a SHORT of 15 minutes stand, and a NO_TRADE of an hour."""
    short = stage.signal(BTC, LAST_CLOSE_MS, Direction.SHORT, confidence=0.61)
    idle = signal(
        BTC,
        Timeframe.H1,
        at_ms=NOW_MS,
        venue=VENUE,
        direction=Direction.NO_TRADE,
        reason=SignalReason.BELOW_THRESHOLD,
    )
    with stage.instance.client() as client:
        store_state(client, short)
        store_state(client, idle)


def quote(stage: Stage, mid: float, at_ms: float) -> None:
    features: Any = {"mid_price": mid, "feature_ts": at_ms / 1000, "event_ts_ms": at_ms}
    book: Any = {"bid": mid - 0.1, "ask": mid + 0.1, "ts": at_ms}
    with stage.instance.client() as client:
        client.hset(keys.feat(BTC), mapping=features)
        client.hset(keys.ob(BTC), mapping=book)


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)


def open_page(page: Page, stage: Stage, symbol: str = BTC, query: str = "") -> None:
    page.goto(f"{stage.url}/symbols/{symbol}{query}")


def panel(page: Page, name: str) -> Locator:
    return part(page, f"{name}-panel")


def ready(page: Page) -> None:
    expect(panel(page, "chart")).to_have_attribute("data-panel", "ready")


def candles(page: Page) -> Locator:
    """Open the table beside the chart; return its rows, newest first."""
    table = part(page, "twin")
    if not table.evaluate("element => element.open"):
        table.locator("summary").click()
    return table.locator("tbody tr")


def test_symbol_page_shows_candles_signals_and_record_and_asks_nobody_else(
    stage: Stage, shown: Page, heard: Heard
) -> None:
    open_page(shown, stage)

    expect(part(shown, "connection")).to_have_text("connected")
    expect(part(shown, "venue-banner")).to_contain_text("SIMULATED MARKET")
    ready(shown)
    newest = stage.signal(BTC, LAST_CLOSE_MS, Direction.SHORT)
    levels = [newest.entry, newest.stop_loss, *(each.price for each in newest.take_profits)]
    expect(part(shown, "chart")).to_have_attribute("data-levels", compact(levels))
    expect(part(shown, "chosen-direction")).to_have_text("▼ SHORT")
    expect(part(shown, "chosen-state")).to_contain_text("61 % · valid for 1:")
    expect(part(shown, "chosen-levels").locator("tr")).to_have_count(5)
    expect(part(shown, "chosen-levels")).to_contain_text("+1.20 %")
    rows = part(shown, "summary").locator("tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("▼ SHORT")
    expect(rows.nth(1)).to_contain_text("– NO TRADEbelow threshold")
    expect(rows.nth(1).locator("td").last).to_have_text("")
    expect(rows.nth(2)).to_contain_text("not made yet")
    expect(part(shown, "agreement")).to_have_text("▼ 1 of 2 say SHORT")
    expect(part(shown, "accuracy-link")).to_have_attribute(
        "href", "/accuracy?engine=signals&symbol=BTCUSDT"
    )
    expect(candles(shown).filter(has_text="▲ LONG ✕ stopped out").first).to_be_visible()
    expect(candles(shown).nth(1)).to_contain_text("▼ SHORT ○ not over yet")

    assert heard.complaints == []
    assert heard.strangers(stage.url) == []


def test_symbol_page_newest_candle_grows_with_quotes(stage: Stage, shown: Page) -> None:
    close = stage.close(BTC, LAST_CLOSE_MS)
    open_page(shown, stage)
    ready(shown)
    growing = candles(shown).first
    expect(growing).to_contain_text("not closed")
    quote(stage, close + 100.0, NOW_MS + 5_000)
    expect(cell(growing, "Close")).to_have_text(f"{close + 100:,.1f}")
    quote(stage, close - 50.0, NOW_MS + 6_000)

    expect(cell(growing, "Close")).to_have_text(f"{close - 50:,.1f}")
    expect(cell(growing, "High")).to_have_text(f"{close + 100:,.1f}")
    expect(part(shown, "price")).to_have_text(f"{close - 50:,.1f}")
    expect(shown).to_have_title(f"{close - 50:,.1f} BTCUSDT · cryptosite")


def test_symbol_page_candle_that_closes_appears_without_a_reload(stage: Stage, shown: Page) -> None:
    open_page(shown, stage)
    ready(shown)
    before = cell(candles(shown).nth(1), "Open time").text_content()
    stage.set_clock(NOW_MS + M15.ms, speed=1.0)
    said = stage.signal(BTC, LAST_CLOSE_MS + M15.ms, Direction.LONG, confidence=0.77)
    with stage.instance.client() as client:
        publish_signals(client, NOW_MS + M15.ms, said)

    closed = candles(shown).filter(has_text="▲ LONG ○ not over yet").first
    expect(closed).to_contain_text(f"{said.entry:,.1f}")
    expect(closed).not_to_contain_text("not closed")
    assert cell(closed, "Open time").text_content() != before
    expect(part(shown, "chosen-direction")).to_have_text("▲ LONG")
    expect(part(shown, "summary").locator("tr").first).to_contain_text("▲ LONG")
    stand(stage)


def test_symbol_page_after_the_server_was_away_has_no_gap(stage: Stage, shown: Page) -> None:
    open_page(shown, stage)
    ready(shown)
    reader_is_at = part(shown, "history").get_by_role("link").nth(2)
    expect(reader_is_at).to_be_visible()
    stage.instance.kill_web()
    try:
        expect(part(shown, "notice")).to_contain_text("Disconnected")
        expect(candles(shown).first).to_be_visible()
        reader_is_at.focus()
        stage.set_clock(NOW_MS + 4 * M15.ms, speed=1.0)
    finally:
        stage.instance.start_web()

    expect(part(shown, "connection")).to_have_text("connected")
    newest = written(LAST_CLOSE_MS + 3 * M15.ms)
    expect(reader_is_at).to_be_focused()
    expect(cell(candles(shown).first, "Open time")).to_have_text(newest)
    opens = [row.partition("\t")[0] for row in candles(shown).all_inner_texts()]
    assert len(opens) > 50
    assert {read(one) - read(two) for one, two in pairwise(opens)} == {M15.ms / 1000}


def test_symbol_page_signals_of_another_market_are_not_drawn_over_its_candles(
    stage: Stage, shown: Page
) -> None:
    def change_market(route: Route) -> None:
        answer = route.fetch()
        told = answer.json() | {"venue": "replay/elsewhere"}
        for each in told["predictions"]:
            each |= {"confidence": 0.99, "candle_open": each["candle_close"]}
        route.fulfill(response=answer, json=told)

    shown.route("**/api/predictions/BTCUSDT/summary", change_market)
    open_page(shown, stage)

    expect(part(shown, "summary").locator("tr").first).to_contain_text("99 %")
    ready(shown)
    expect(part(shown, "chosen-state")).to_contain_text("61 %")


def test_symbol_page_timeframe_is_chosen_by_keyboard_and_kept_in_the_address(
    stage: Stage, shown: Page
) -> None:
    open_page(shown, stage)
    ready(shown)
    part(shown, "timeframe-15m").focus()
    shown.keyboard.press("ArrowRight")

    expect(shown).to_have_url(f"{stage.url}/symbols/BTCUSDT?timeframe=1h")
    expect(part(shown, "timeframe-1h")).to_be_checked()
    # Of the hour nothing but its first candles of 15 minutes is stored.
    expect(candles(shown)).to_have_count(1)
    expect(candles(shown).first).to_contain_text("not closed")
    shown.go_back()
    expect(part(shown, "timeframe-15m")).to_be_checked()
    expect(candles(shown).nth(5)).to_be_visible()


def test_symbol_page_chart_is_moved_by_keyboard(stage: Stage, shown: Page) -> None:
    open_page(shown, stage)
    ready(shown)
    # The growing candle comes after the stored ones, with the first quote.
    expect(candles(shown).first).to_contain_text("not closed")
    newest = str(candles(shown).first.text_content())
    part(shown, "chart").focus()
    for _ in range(3):
        shown.keyboard.press("ArrowLeft")
    expect(candles(shown).first).not_to_have_text(newest)
    shown.keyboard.press("End")
    expect(candles(shown).first).to_have_text(newest)


def test_symbol_page_history_is_paged_filtered_and_leads_to_each_signal(
    stage: Stage, shown: Page
) -> None:
    open_page(shown, stage)
    rows = part(shown, "history").locator("tr")
    expect(rows).to_have_count(25)
    expect(part(shown, "newer")).to_be_disabled()
    first = rows.first.inner_text()
    newest = stage.row("signal", "symbol = 'BTCUSDT' AND direction = 'SHORT'")
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"/signals/{newest}")
    graded = rows.filter(has_text="✕ stopped out").first
    expect(graded).to_contain_text("−1.00")

    part(shown, "older").click()
    expect(rows.first).not_to_have_text(first)
    expect(part(shown, "older")).to_be_disabled()
    part(shown, "newer").click()
    expect(rows).to_have_count(25)
    part(shown, "history-direction").select_option("SHORT")
    expect(rows).to_have_count(1)
    part(shown, "history-timeframe").select_option("4h")
    expect(panel(shown, "history")).to_contain_text("No signal fits these filters.")
    part(shown, "history-timeframe").select_option("")
    part(shown, "history-direction").select_option("LONG")
    graded.get_by_role("button").click()
    expect(part(shown, "chosen-note")).to_contain_text("✕ stopped out · −1.00 R")
    expect(part(shown, "chosen-link")).to_have_attribute(
        "href", str(graded.get_by_role("link").get_attribute("href"))
    )


def test_symbol_page_history_without_signals_says_what_is_missing(
    stage: Stage, shown: Page
) -> None:
    said = {"code": "candles_missing", "message": "there are no candles"}
    errors = [said | {"timeframe": timeframe} for timeframe in ("15m", "1h")]
    answer = {"agreement": None, "agreed_direction": None, "predictions": [], "errors": errors}
    shown.route(
        "**/api/predictions/APTUSDT/summary",
        lambda route: route.fulfill(json=answer | {"venue": "simulated"}),
    )
    open_page(shown, stage, "APTUSDT")
    expect(panel(shown, "history")).to_contain_text("15m, 1h: there are no candles.")
    expect(panel(shown, "history")).not_to_contain_text("the first comes")


def test_symbol_page_coin_without_candles_says_so(stage: Stage, shown: Page) -> None:
    open_page(shown, stage, "APTUSDT")

    expect(panel(shown, "chart")).to_have_attribute("data-panel", "empty")
    expect(panel(shown, "chart")).to_contain_text("No candles of this timeframe")
    expect(panel(shown, "history")).to_contain_text("No signal yet")
    expect(panel(shown, "chosen")).to_contain_text("No LONG or SHORT")
    expect(part(shown, "summary").locator("tr").first).to_contain_text("not made yet")
    expect(part(shown, "price")).to_have_text("–")


def test_symbol_page_damaged_candles_are_told_and_asked_again(stage: Stage, shown: Page) -> None:
    store = CandleStore(stage.instance.directory / "candles")
    path = store.folder(VENUE, "SOLUSDT", M15) / "2026-01.parquet"
    whole = path.read_bytes()
    path.write_bytes(b"no parquet")
    open_page(shown, stage, "SOLUSDT")
    expect(panel(shown, "chart")).to_have_attribute("data-panel", "error")
    expect(panel(shown, "chart")).to_contain_text("2026-01.parquet")
    path.write_bytes(whole)

    panel(shown, "chart").get_by_role("button", name="Try again").click()
    ready(shown)


def test_symbol_page_reader_who_may_not_see_it_is_told(stage: Stage, shown: Page) -> None:
    def refuse(route: Route) -> None:
        body = {"status": "error", "code": "unauthorized", "message": "log in"}
        route.fulfill(status=401, json=body)

    shown.route("**/api/**", refuse)
    open_page(shown, stage)

    for name in ("chart", "summary", "chosen", "history"):
        expect(panel(shown, name)).to_have_attribute("data-panel", "denied")
        expect(panel(shown, name)).to_contain_text("not logged in")


def test_symbol_page_unknown_coin_is_404_and_names_those_that_are_served(
    stage: Stage, shown: Page
) -> None:
    answer = shown.goto(f"{stage.url}/symbols/PAXGUSDT")
    assert answer is not None and answer.status == 404
    expect(shown.get_by_role("heading")).to_contain_text("PAXGUSDT")
    shown.get_by_role("link", name="ETHUSDT").click()
    expect(shown).to_have_url(f"{stage.url}/symbols/ETHUSDT")

    shown.goto(f"{stage.url}/symbols/btc-usdt?timeframe=4h")
    expect(shown).to_have_url(f"{stage.url}/symbols/BTCUSDT?timeframe=4h")


@pytest.mark.parametrize("width", [390, 1024])
def test_symbol_page_needs_no_sideways_scrolling(stage: Stage, shown: Page, width: int) -> None:
    shown.set_viewport_size({"width": width, "height": 844})
    open_page(shown, stage)
    ready(shown)
    expect(part(shown, "history").locator("tr")).to_have_count(25)
    candles(shown)

    assert shown.evaluate("document.documentElement.scrollWidth") == width


def cell(row: Locator, name: str) -> Locator:
    names = ["Open time", "Open", "High", "Low", "Close", "Volume", "State", "Signal"]
    return row.locator("th, td").nth(names.index(name))


def compact(values: list[Any]) -> str:
    return "[" + ",".join(f"{value:g}" if value % 1 == 0 else repr(value) for value in values) + "]"


def written(ms: int) -> str:
    return time.strftime(MOMENT, time.localtime(ms / 1000))


def read(text: str) -> float:
    return time.mktime(time.strptime(text, MOMENT))
