"""The pages of one signal and of one forecast: what the ledger holds, as a person reads it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from market.hot.vector import TICK_MS
from tests.e2e.conftest import Heard
from tests.e2e.record_stage import (
    AFTER,
    LAST_TICK,
    M15,
    NOW_MS,
    Stage,
    fill,
    simulated_instance,
    wait_until_recorded,
)
from tests.integration.ledger import FIRST_TICK_MS
from tests.signal_loops import DAY_MS
from tests.waiting import eventually_sync
from tests.web_instance import WebInstance

FIRST = FIRST_TICK_MS // TICK_MS + LAST_TICK - 150
NEWEST = f"candle_close = {DAY_MS + AFTER * M15.ms}"


@pytest.fixture(scope="module")
def stage(prepared_web: WebInstance) -> Iterator[Stage]:
    with simulated_instance(prepared_web.static) as instance:
        made = Stage(instance)
        fill(made)
        made.record()
        instance.start_web()
        wait_until_recorded(made)
        yield made


@pytest.fixture
def shown(stage: Stage, page: Page) -> Iterator[Page]:
    """A page in a market that stands at the stage's now."""
    stage.set_clock()
    yield page


def at_day(symbol: str) -> str:
    return f"symbol = '{symbol}' AND candle_close = {DAY_MS}"


def test_graded_signal_page_tells_all_and_asks_nobody_else(
    stage: Stage, shown: Page, heard: Heard
) -> None:
    shown.goto(stage.address("signal", at_day("BTCUSDT")))

    expect(part(shown, "connection")).to_have_text("connected")
    expect(part(shown, "call")).to_have_text("▲ LONG 78 %")
    expect(part(shown, "venue-tag")).to_have_text("SIMULATED")
    expect(part(shown, "role-tag")).to_have_text("baseline")
    expect(part(shown, "state")).to_have_text("Stop-loss reached")
    expect(part(shown, "verdict")).to_contain_text("−1.00 R")
    expect(part(shown, "after-fees")).to_have_text(re.compile(r"−1\.\d\d R"))
    stop = part(shown, "levels").locator("tr[data-kind=stop]")
    expect(stop).to_contain_text(re.compile(r"−1\.20 %\s*−1\.0\s*\d\d:\d\d"))
    expect(part(shown, "probabilities")).to_contain_text("LONG 78.0 %")
    expect(part(shown, "eta")).to_have_text("45 min (80 %: 15 min to 2 h 30 min)")
    expect(part(shown, "reason")).to_contain_text("above the threshold")
    expect(part(shown, "live-accuracy")).to_contain_text("n = 4")
    rows = part(shown, "features").locator("tbody tr")
    expect(rows).to_have_count(14)
    expect(rows.first).to_contain_text("rsi_14")
    expect(rows.first).to_contain_text("▲ above")
    expect(rows.nth(1)).to_contain_text("▼ below")
    expect(part(shown, "ranges-note")).to_contain_text("40 earlier predictions")
    expect(part(shown, "path")).to_have_attribute("data-panel", "ready")
    expect(part(shown, "path").locator("canvas").first).to_be_visible()
    assert heard.complaints == []
    assert heard.strangers(stage.url) == []


def test_signal_page_leads_to_its_ledger_entry_and_proof(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("signal", at_day("BTCUSDT")))
    expect(part(shown, "signed")).to_contain_text("✓ signed")
    leaf = part(shown, "leaf").inner_text()
    digest = part(shown, "entry-hash").inner_text()

    proof = shown.request.get(f"{stage.url}/api/ledger/proof/{leaf}")
    row = shown.request.get(stage.url + (part(shown, "row-json").get_attribute("href") or ""))

    assert proof.ok
    assert (row.json()["entry_hash"], row.json()["leaf"]) == (digest, int(leaf))


def test_signal_page_table_twin_has_the_candles_of_the_path(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("signal", at_day("BTCUSDT")))
    part(shown, "path").locator("summary").click()
    expect(part(shown, "path").locator("tbody tr")).to_have_count(16)


def test_page_leads_to_the_signals_before_and_after(stage: Stage, shown: Page) -> None:
    own = stage.address("signal", at_day("BTCUSDT"))
    shown.goto(own)
    part(shown, "next").click()
    expect(part(shown, "state")).to_contain_text("Open to enter")
    expect(part(shown, "head")).to_contain_text("newest here")
    part(shown, "previous").click()
    expect(shown).to_have_url(own)


def test_no_trade_page_says_why_and_has_no_levels(stage: Stage, shown: Page, heard: Heard) -> None:
    shown.goto(stage.address("signal", at_day("SOLUSDT")))
    expect(part(shown, "call")).to_have_text("– NO TRADE 41 %")
    expect(part(shown, "reason")).to_contain_text("below_threshold")
    expect(part(shown, "levels").locator("tbody tr")).to_have_count(1)
    expect(part(shown, "ranges-note")).to_contain_text("No usual range is known yet")
    assert heard.complaints == []


def test_superseded_signal_leads_to_the_one_that_stands_and_back(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("signal", "symbol = 'ETHUSDT' AND revision = 0"))
    part(shown, "superseded").get_by_role("link", name="revision 1").click()
    expect(part(shown, "call")).to_contain_text("LONG")
    expect(part(shown, "superseded")).to_have_count(0)
    part(shown, "revisions").get_by_role("link", name="revision 0").click()
    expect(part(shown, "superseded")).to_be_visible()


def test_late_signal_says_why_it_does_not_count(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("signal", "late"))
    expect(part(shown, "late")).to_contain_text("counts in no figure")


def test_graded_forecast_page_stands_beside_no_change(
    stage: Stage, shown: Page, heard: Heard
) -> None:
    shown.goto(stage.address("forecast", f"tick = {FIRST + 100}"))
    expect(part(shown, "state")).to_have_text(re.compile("(Right|Wrong) direction"))
    expect(part(shown, "verdict")).to_have_text(
        re.compile("(closer than|further off than) no change")
    )
    expect(part(shown, "error")).to_have_text(re.compile(r"[+−]\d+\.\d\d bp"))
    expect(part(shown, "no-change")).to_have_text(re.compile(r"[+−±]\d+\.\d\d bp"))
    expect(part(shown, "baseline")).to_contain_text("What spoke passed no gate")
    expect(part(shown, "features").locator("tbody tr")).to_have_count(20)
    expect(part(shown, "path")).to_have_attribute("data-panel", "ready")
    expect(part(shown, "live-accuracy")).to_contain_text("n = ")
    assert heard.complaints == []
    assert heard.strangers(stage.url) == []


def test_fallback_page_names_the_reason_and_what_was_void(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("forecast", f"tick = {FIRST + 80}"))
    expect(part(shown, "call")).to_have_text("– no forecast")
    expect(part(shown, "source")).to_contain_text("fallback-error")
    expect(part(shown, "reason")).to_contain_text("incomplete_features")
    expect(part(shown, "void")).to_contain_text("price_volatility")
    expect(part(shown, "verdict")).to_have_text("Cannot be graded: there was no forecast.")


def test_forecast_without_a_price_at_its_target_says_so(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("forecast", f"tick = {FIRST + 18}"))
    expect(part(shown, "verdict")).to_contain_text("no price was seen at the target time")


def test_late_forecast_says_why_it_does_not_count(stage: Stage, shown: Page) -> None:
    shown.goto(stage.address("forecast", f"tick = {FIRST + 60}"))
    expect(part(shown, "late")).to_contain_text("counts in no figure")


@pytest.mark.parametrize("path", ["/signals/999999", "/forecasts/999999", "/signals/9" + "9" * 30])
def test_unknown_row_is_a_page_of_404(stage: Stage, shown: Page, path: str) -> None:
    answer = shown.goto(stage.url + path)
    assert answer is not None
    assert answer.status == 404
    expect(part(shown, "unknown")).to_contain_text("The ledger holds no")
    expect(part(shown, "connection")).to_have_text("connected")


@pytest.mark.parametrize(
    ("status", "code", "state", "button"),
    [(503, "candles_unreadable", "error", "Try again"), (401, "unauthorized", "denied", "Log in")],
)
def test_path_that_cannot_be_had_says_why(
    stage: Stage, shown: Page, status: int, code: str, state: str, button: str
) -> None:
    body = f'{{"status": "error", "code": "{code}", "message": "not now"}}'
    answer = {"status": status, "content_type": "application/json", "body": body}
    shown.route("**/api/candles**", lambda route: route.fulfill(**answer))
    shown.goto(stage.address("signal", at_day("BTCUSDT")))
    expect(part(shown, "path")).to_have_attribute("data-panel", state)
    expect(part(shown, "path").get_by_role("button", name=button)).to_be_visible()
    shown.unroute("**/api/candles**")
    if state == "error":
        part(shown, "path").get_by_role("button", name=button).click()
        expect(part(shown, "path")).to_have_attribute("data-panel", "ready")


def test_path_without_candles_is_empty_and_says_so(stage: Stage, shown: Page) -> None:
    nothing = '{"candles": []}'
    shown.route("**/api/candles**", lambda route: route.fulfill(status=200, body=nothing))
    shown.goto(stage.address("signal", at_day("BTCUSDT")))
    expect(part(shown, "path")).to_have_attribute("data-panel", "empty")
    expect(part(shown, "path")).to_contain_text("No candle of this time is stored")


@pytest.mark.parametrize(
    ("kind", "where"), [("signal", at_day("BTCUSDT")), ("forecast", f"tick = {FIRST + 100}")]
)
def test_page_fits_a_tablet_and_a_phone(stage: Stage, shown: Page, kind: str, where: str) -> None:
    shown.goto(stage.address(kind, where))
    expect(part(shown, "path")).to_have_attribute("data-panel", "ready")
    for width in (1440, 1024, 390):
        shown.set_viewport_size({"width": width, "height": 844})
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    said, known = part(shown, "said").bounding_box(), part(shown, "known").bounding_box()
    assert said is not None
    assert known is not None
    assert said["y"] < known["y"]


def test_signal_that_runs_out_says_so_without_a_reload(
    stage: Stage, page: Page, heard: Heard
) -> None:
    over_ms = DAY_MS + AFTER * M15.ms + M15.ms * 2 // 15
    stage.set_clock(over_ms - 4_000, speed=0.001)
    page.goto(stage.address("signal", f"symbol = 'SOLUSDT' AND {NEWEST}"))
    page.evaluate("window.kept = true")
    expect(part(page, "state")).to_contain_text("Open to enter")
    expect(part(page, "countdown")).to_have_text(re.compile(r"\(0:0\d\)"))
    stage.set_clock(over_ms - 1_000, speed=1.0)
    expect(part(page, "state")).to_have_attribute("data-code", "expired")
    expect(part(page, "verdict")).to_have_text("Not known yet.")
    assert page.evaluate("window.kept")
    assert heard.complaints == []


def test_outcome_of_a_forecast_appears_without_a_reload(
    stage: Stage, shown: Page, heard: Heard
) -> None:
    stage.set_clock(NOW_MS + 60_000)
    stage.tell(LAST_TICK + 30, 62_000.0)
    made = f"tick = {FIRST + 180}"
    eventually_sync(lambda: stage.holds("forecast", made))
    shown.goto(stage.address("forecast", made))
    shown.evaluate("window.kept = true")
    expect(part(shown, "verdict")).to_have_text("Not known yet.")
    expect(part(shown, "connection")).to_have_text("connected")
    stage.set_clock(NOW_MS + 72_000)
    stage.tell(LAST_TICK + 35, 62_100.0)
    expect(part(shown, "state")).to_have_text("Right direction")
    expect(part(shown, "error")).to_contain_text("bp")
    assert shown.evaluate("window.kept")
    assert heard.complaints == []


def test_outcome_of_a_signal_appears_without_a_reload(
    stage: Stage, shown: Page, heard: Heard
) -> None:
    shown.goto(stage.address("signal", f"symbol = 'BTCUSDT' AND {NEWEST}"))
    shown.evaluate("window.kept = true")
    expect(part(shown, "verdict")).to_have_text("Not known yet.")
    expect(part(shown, "connection")).to_have_text("connected")
    stage.set_clock(NOW_MS + 13 * M15.ms)
    row = stage.row("signal", f"symbol = 'BTCUSDT' AND {NEWEST}")
    eventually_sync(lambda: stage.graded("signal", row))
    expect(part(shown, "verdict")).to_contain_text("R after fees")
    expect(part(shown, "state")).not_to_contain_text("Open")
    assert shown.evaluate("window.kept")
    assert heard.complaints == []


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)
