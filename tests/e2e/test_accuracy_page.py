"""The accuracy page in a browser: a ledger in, what a trader is told of it out."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Heard
from tests.environment import instance_environment
from tests.integration.accuracy_ledger import VENUE
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.web_socket import store_clock
from tests.web_instance import WebInstance

NOW_MS = FIRST_TICK_MS + 26 * 3_600_000
FILL = (
    "from tests.integration.accuracy_ledger import fill_forecasts, fill_signals; "
    f"fill_forecasts(); fill_signals(last_ms={NOW_MS})"
)
PANELS = ("summary", "series", "reliability", "bands", "spread", "dial", "map", "bill")
FEW = "/accuracy?engine=signals&timeframe=1d&symbol=BTCUSDT"


@pytest.fixture(scope="module")
def filled_web(
    redis_url: str, prepared_web: WebInstance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebInstance]:
    """One with a ledger of its own, and the static files that are collected already."""
    folder = tmp_path_factory.mktemp("accuracy")
    (folder / "var").mkdir()
    (folder / "var" / "static").symlink_to(prepared_web.static)
    environment = instance_environment(folder / "var") | {"API_RATE": "6000/minute"}
    log = folder / "web.log"
    instance = WebInstance(environment, redis_url=redis_url, log=log, pages=False)
    instance.manage("shell", "-v0", "-c", FILL)
    with instance:
        yield instance


@pytest.fixture
def web(filled_web: WebInstance, clean_redis: redis.Redis) -> WebInstance:
    store_clock(clean_redis, now_ms=NOW_MS, venue=VENUE)
    return filled_web


def open_page(page: Page, web: WebInstance, path: str = "/accuracy") -> None:
    page.goto(web.url + path)
    expect(panel(page, "map")).not_to_have_attribute("data-panel", "loading")
    expect(panel(page, "summary")).not_to_have_attribute("data-panel", "loading")


def test_accuracy_page_says_what_the_record_is_worth(
    web: WebInstance, page: Page, heard: Heard
) -> None:
    open_page(page, web)
    told = record(page, web)
    overall = told["overall"]
    figure = page.get_by_test_id("figure-hit_rate")
    hit_rate = overall["hit_rate"]
    expect(figure).to_contain_text(percent(hit_rate["value"]))
    expect(figure).to_contain_text(f"{percent(hit_rate['lower'])} to {percent(hit_rate['upper'])}")
    expect(figure).to_contain_text(f"n {hit_rate['n']:,} · n_eff {round(hit_rate['n_eff']):,}")
    expect(figure).to_contain_text(percent(hit_rate["baseline"]))
    expect(page.get_by_test_id("figure-mae")).to_contain_text(f"{overall['mae']['value']:.3f}")
    expect(page.get_by_test_id("verdict")).to_contain_text("baseline")
    expect(page.get_by_test_id("venue-tag")).to_have_text("SIMULATED")
    expect(page.get_by_test_id("shown")).to_contain_text(f"{overall['said']:,} said")
    for name in PANELS:
        expect(panel(page, name)).to_have_attribute("data-panel", "ready")
    expect(page.locator("canvas")).to_have_count(5)

    # Over a chart, in both themes: ECharts' own tooltips would break the Content-Security-Policy.
    page.get_by_test_id("panel-series").locator("canvas").hover(position={"x": 300, "y": 100})
    expect(page.locator(".chart-tip").first).to_be_visible()
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.get_by_test_id("panel-dial").locator("canvas").hover(position={"x": 55, "y": 100})
    assert heard.complaints == []
    assert heard.strangers(web.url) == []


@pytest.mark.parametrize("engine", ["forecasts", "signals"])
def test_accuracy_page_tables_hold_the_apis_numbers(
    web: WebInstance, page: Page, heard: Heard, engine: str
) -> None:
    open_page(page, web, f"/accuracy?engine={engine}")
    told = record(page, web)
    series = rows_of(page, "series")
    points = told["series"]["points"]
    assert len(series) == len(points) > 2
    for row, point in zip(series, points, strict=True):
        figure = point["hit_rate"]
        assert (row[1], row[4]) == (percent(figure["value"]), f"{figure['n']:,}")
    calibration = told["overall"]["calibration"]
    classes = calibration.get("by_class", {"up": calibration}).values()
    assert len(rows_of(page, "reliability")) == sum(len(each["points"]) for each in classes)
    bands = [(percent(each["hit_rate"]["value"]), f"{each['said']:,}") for each in told["bands"]]
    assert [(row[1], row[5]) for row in rows_of(page, "bands")] == bands
    curve = told["risk_coverage"]
    assert [row[3] for row in rows_of(page, "dial")] == [
        percent(each["hit_rate"]["value"]) for each in curve
    ]
    if engine == "signals":
        bins = {row[0]: row for row in rows_of(page, "spread")}
        won = next(each for each in told["r_distribution"]["bins"] if each["r"] == 1.0)
        assert f"{won['before']:,}" in [row[1] for row in bins.values()]
    assert heard.complaints == []


def test_accuracy_page_heat_map_marks_too_few_and_filters(web: WebInstance, page: Page) -> None:
    open_page(page, web, "/accuracy?engine=signals")
    expect(cell(page, "BTCUSDT-1d")).to_have_text("–")
    expect(cell(page, "BTCUSDT-1d")).to_have_attribute("data-way", "none")
    assert len(rows_of(page, "map")) == 12
    chosen = cell(page, "ETHUSDT-1h")
    expect(chosen).to_have_text(re.compile(r"\d\d\.\d"))
    chosen.press("Enter")
    expect(page).to_have_url(re.compile(r"symbol=ETHUSDT&timeframe=1h"))
    expect(page.get_by_test_id("filter-symbol")).to_have_value("ETHUSDT")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("shown")).to_contain_text("200 said")
    told = record(page, web)
    value = told["overall"]["hit_rate"]["value"]
    expect(chosen).to_contain_text(percent(value).removesuffix(" %"))
    page.get_by_test_id("map-metric").select_option("mean_r_after_fees")
    expect(page).to_have_url(re.compile(r"metric=mean_r_after_fees"))
    expect(chosen).to_contain_text(f"{abs(told['overall']['mean_r_after_fees']['value']):.3f}")
    page.go_back()
    expect(page.get_by_test_id("filter-symbol")).to_have_value("")


def test_accuracy_page_address_holds_the_view(web: WebInstance, page: Page) -> None:
    open_page(page, web)
    page.get_by_test_id("filter-symbol").select_option("BTCUSDT")
    page.get_by_test_id("filter-window").select_option("24h")
    expect(page.get_by_test_id("shown")).to_contain_text("4,320 said")
    address = page.url
    assert "window=24h" in address and "symbol=BTCUSDT" in address
    page.get_by_test_id("filter-source").select_option("redis")
    page.get_by_test_id("filter-window").select_option("custom")
    page.get_by_test_id("filter-from").fill("2026-01-01T02:00")
    page.get_by_test_id("filter-from").dispatch_event("change")
    expect(page).to_have_url(re.compile("from=2026-01-01T02"))
    expect(panel(page, "summary")).to_have_attribute("data-panel", "ready")
    page.goto(address)
    expect(page.get_by_test_id("shown")).to_contain_text("4,320 said")
    expect(page.get_by_test_id("filter-window")).to_have_value("24h")
    link = page.get_by_test_id("link-csv").get_attribute("href") or ""
    answer = page.request.get(web.url + link)
    assert answer.ok and answer.text().count("\n") == 4_321
    page.get_by_test_id("reset").click()
    expect(page.get_by_test_id("filter-symbol")).to_have_value("")


def test_accuracy_page_dial_turns_by_keyboard(web: WebInstance, page: Page) -> None:
    open_page(page, web, "/accuracy?engine=signals&timeframe=1h")
    curve = record(page, web)["risk_coverage"]
    expect(page.get_by_test_id("kept")).to_have_text("100.0 %")
    page.get_by_test_id("keep").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    kept = curve[2]
    expect(page.get_by_test_id("kept")).to_have_text(percent(kept["share"]))
    expect(page.get_by_test_id("dial-told")).to_contain_text(f"{kept['said']:,} of")
    figure = page.get_by_test_id("dial-mean_r_after_fees")
    expect(figure).to_contain_text(f"{abs(kept['mean_r_after_fees']['value']):.3f} R")
    expect(figure).to_contain_text(f"n {kept['mean_r_after_fees']['n']:,}")
    expect(panel(page, "dial")).to_contain_text("flatters")
    page.reload()
    expect(page.get_by_test_id("kept")).to_have_text(percent(kept["share"]))


def test_accuracy_page_tells_my_costs_as_a_loss_and_remembers_them(
    web: WebInstance, page: Page
) -> None:
    open_page(page, web)
    page.get_by_test_id("fee_bp").fill("4.5")
    page.get_by_test_id("slippage_bp").fill("1")
    page.get_by_test_id("slippage_bp").press("Enter")
    expect(page).to_have_url(re.compile(r"fee_bp=4.5&slippage_bp=1"))
    costs = record(page, web)["costs"]
    assert (costs["fee_bp"], costs["slippage_bp"]) == (4.5, 1.0)
    loss = f"{abs(costs['mean']['value']):.2f}"
    expect(page.get_by_test_id("bill-verdict")).to_have_text(
        f"Loses {loss} bp a forecast after your costs."
    )
    expect(page.get_by_test_id("bill-facts")).to_contain_text(f"{costs['share_positive']:.1%}"[:-1])
    page.goto(f"{web.url}/accuracy")
    expect(page.get_by_test_id("fee_bp")).to_have_value("4.5")
    expect(page.get_by_test_id("bill-verdict")).to_contain_text(loss)
    page.get_by_test_id("fee_bp").fill("-1")
    page.get_by_test_id("fee_bp").press("Enter")
    expect(page).not_to_have_url(re.compile("fee_bp=-1"))


def test_accuracy_page_of_too_few_says_how_many(web: WebInstance, page: Page) -> None:
    open_page(page, web, FEW)
    expect(page.get_by_test_id("verdict")).to_have_text("Nothing can be said of these signals yet.")
    expect(page.get_by_test_id("figure-accuracy")).to_contain_text("too few: 24 of 30")
    expect(page.get_by_test_id("figure-hit_rate").locator(".big")).to_have_text("–")
    for name in ("series", "reliability", "bands", "spread"):
        expect(panel(page, name)).to_have_attribute("data-panel", "empty")
        expect(panel(page, name)).to_contain_text("Too few")
    expect(page.get_by_test_id("bill-verdict")).to_contain_text("Too few could be entered")


def test_accuracy_page_of_one_window_says_its_figure_instead_of_drawing_a_point(
    web: WebInstance, page: Page
) -> None:
    def shorten(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        if told["series"]:
            for point in told["series"]["points"][:-1]:
                point["hit_rate"]["value"] = None
            told["series"]["points"][-1]["hit_rate"]["value"] = 0.5
        route.fulfill(response=answer, json=told)

    page.route("**/api/accuracy*", shorten)
    open_page(page, web)
    expect(panel(page, "series")).to_have_attribute("data-panel", "empty")
    expect(panel(page, "series")).to_contain_text("one window alone has enough, 50.0 % in the")


def test_accuracy_page_of_a_venue_without_a_record_says_so(
    web: WebInstance, page: Page, heard: Heard
) -> None:
    open_page(page, web, "/accuracy?venue=binance")
    for name in PANELS:
        expect(panel(page, name)).to_have_attribute("data-panel", "empty")
    expect(panel(page, "summary")).to_contain_text("No forecasts of binance are in this window.")
    expect(page.get_by_test_id("venue-tag")).to_be_hidden()
    expect(page.get_by_test_id("filter-venue")).to_have_value("binance")
    options = page.get_by_test_id("filter-venue").locator("option")
    expect(options).to_have_text(["the running market", f"{VENUE} (SIMULATED)", "binance"])
    assert heard.complaints == []


@pytest.mark.parametrize(
    ("status", "code", "message", "state", "said"),
    [
        (503, "database_unavailable", "the database does not answer", "error", "The database does"),
        (403, "forbidden", "no", "denied", "You are not logged in"),
    ],
)
def test_accuracy_page_that_is_refused_says_why_and_tries_again(
    web: WebInstance, page: Page, status: int, code: str, message: str, state: str, said: str
) -> None:
    refuse(page, status, code, message)
    open_page(page, web)
    for name in PANELS:
        expect(panel(page, name)).to_have_attribute("data-panel", state)
    expect(panel(page, "series")).to_contain_text(said)
    page.unroute("**/api/accuracy*")
    if state == "error":
        panel(page, "series").get_by_role("button", name="Try again").click()
        expect(panel(page, "series")).to_have_attribute("data-panel", "ready")
        expect(panel(page, "series")).to_be_focused()


def test_accuracy_page_that_is_not_renewed_says_so(web: WebInstance, page: Page) -> None:
    page.clock.install()
    open_page(page, web)
    expect(page.get_by_test_id("updated")).to_contain_text("as of")
    refuse(page, 503, "database_unavailable", "the database does not answer")
    page.clock.fast_forward(61_000)
    expect(panel(page, "summary")).to_have_attribute("data-panel", "stale")
    expect(page.get_by_test_id("updated")).to_contain_text("not renewed")
    expect(page.get_by_test_id("figure-hit_rate")).to_be_visible()
    page.unroute("**/api/accuracy*")
    page.clock.fast_forward(61_000)
    expect(panel(page, "summary")).to_have_attribute("data-panel", "ready")


@pytest.mark.parametrize("engine", ["forecasts", "signals"])
@pytest.mark.parametrize("width", [390, 1024])
def test_accuracy_page_needs_no_sideways_scrolling(
    web: WebInstance, page: Page, engine: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_page(page, web, f"/accuracy?engine={engine}")
    expect(panel(page, "map")).to_have_attribute("data-panel", "ready")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def panel(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"panel-{name}")


def cell(page: Page, pair: str) -> Locator:
    return page.get_by_test_id(f"cell-{pair}")


def record(page: Page, web: WebInstance) -> Any:
    """Return what the API answers to the question that the page asked."""
    link = page.get_by_test_id("link-json").get_attribute("href") or ""
    answer = page.request.get(web.url + link)
    assert answer.ok, answer.text()
    return answer.json()


def rows_of(page: Page, name: str) -> list[list[str]]:
    rows = page.get_by_test_id(f"twin-{name}").locator("tbody tr")
    expect(rows.first).to_be_attached()
    found: list[list[str]] = rows.evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def refuse(page: Page, status: int, code: str, message: str) -> None:
    body = json.dumps({"status": "error", "code": code, "message": message})

    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="application/json", body=body)

    page.route("**/api/accuracy*", answer)
