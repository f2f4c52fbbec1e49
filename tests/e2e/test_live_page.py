"""The live page in a browser: published ticks in, what a trader sees out."""

import re
import time
from collections.abc import Iterator

import pytest
import redis
from playwright.sync_api import Locator, Page, Route, expect

from market import keys
from tests.e2e.conftest import Heard
from tests.e2e.live_market import LiveMarket
from tests.environment import instance_environment
from tests.integration.web_socket import outcome, store_prediction
from tests.waiting import eventually_sync
from tests.web_instance import WebInstance

SYMBOL = "BTCUSDT"
COINS = (SYMBOL, "ETHUSDT", "SOLUSDT")
UNKNOWN = "–"


@pytest.fixture(scope="module")
def coins_web(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebInstance]:
    """A process of three coins, which these tests share."""
    folder = tmp_path_factory.mktemp("coins")
    environment = instance_environment(folder / "var") | {"FORECAST_SYMBOLS": ",".join(COINS)}
    instance = WebInstance(environment, redis_url=redis_url, log=folder / "web.log")
    with instance:
        yield instance


@pytest.fixture
def market(clean_redis: redis.Redis) -> LiveMarket:
    return LiveMarket(clean_redis, COINS)


def test_live_page_shows_forecast_outcome_and_old_data_and_asks_nobody_else(
    coins_web: WebInstance, market: LiveMarket, page: Page, heard: Heard
) -> None:
    store_prediction(market.client, SYMBOL, market.seq)
    show(page, coins_web)

    expect(part(page, "predicted-price")).to_have_text(re.compile(r"60,001\.0+"))
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(market.seq))
    expect(part(page, "venue-banner")).to_contain_text("SIMULATED MARKET")

    seq = market.tick(seq=market.seq + 1)
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq))
    expect(part(page, "interval")).to_have_text(re.compile(r"59,995\.0+ to 60,006\.0+"))
    expect(part(page, "move")).to_have_text("▲ +0.17 bp")
    expect(part(page, "confidence")).to_have_text("0.80")
    expect(part(page, "p-up")).to_have_text("51.0 %")
    expect(part(page, "latency")).to_have_text("1.25 ms")
    expect(part(page, "source")).to_have_text("model, on fresh features")
    expect(part(page, "current-price")).to_have_text("60,000.25")
    expect(part(page, "recent").locator("tr").first).to_contain_text("open")

    market.outcomes(outcome(SYMBOL, seq))
    newest = part(page, "recent").locator("tr").first
    expect(newest).to_contain_text("hit")
    expect(newest.get_by_role("link")).to_have_attribute("href", "/forecasts/17")
    expect(part(page, "hits")).to_have_text("– (n = 1)")
    expect(part(page, "ledger-record")).to_have_attribute("data-panel", "empty")

    for symbol in (SYMBOL, "ETHUSDT"):
        market.features(symbol, age_ms=20_000)
    expect(part(page, "notice")).to_contain_text("s old")
    expect(part(page, "data-age")).to_have_attribute("data-state", "bad")
    expect(part(page, "forecast")).to_have_attribute("data-panel", "stale")
    expect(part(page, "forecast")).to_contain_text(re.compile(r"Data is \d+ s old"))

    def aged_but_one() -> bool:
        market.features("SOLUSDT")
        return aged(page) == [SYMBOL, "ETHUSDT"]

    eventually_sync(aged_but_one)
    assert heard.complaints == []
    assert heard.strangers(coins_web.url) == []


def test_live_page_watch_list_follows_every_tick_and_switches_without_a_reload(
    coins_web: WebInstance, market: LiveMarket, page: Page
) -> None:
    newest = int(time.time()) - 5
    market.prices("ETHUSDT", range(newest - 30, newest))
    show(page, coins_web)
    page.evaluate("window.untouched = true")
    expect(row(page, "SOLUSDT").locator(".price")).to_have_text("60,000.25")
    market.tick()
    expect(row(page, "SOLUSDT").locator(".move")).to_have_text("▲ +0.17")
    expect(row(page, "SOLUSDT").locator(".chance")).to_have_text("51")
    market.outcomes(*(outcome("SOLUSDT", market.seq - 40 + n) for n in range(30)))
    expect(row(page, "SOLUSDT").locator(".rate")).to_have_text("100")
    expect(row(page, SYMBOL).locator(".rate")).to_have_text(UNKNOWN)

    row(page, "ETHUSDT").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ETHUSDT")
    expect(page).to_have_url(re.compile(r"\?symbol=ETHUSDT$"))
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(market.seq - 1))
    expect(page.get_by_role("link", name="Candles and signals")).to_have_attribute(
        "href", "/symbols/ETHUSDT"
    )
    mids = chart_mids(page, at_least=29)
    assert [mids[second] for second in range(newest - 28, newest)] == [
        mid_of(second) for second in range(newest - 28, newest)
    ]

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text(SYMBOL)
    row(page, SYMBOL).get_by_role("link").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("SOLUSDT")
    expect(part(page, "symbol")).to_have_value("SOLUSDT")
    expect(part(page, "hits")).to_have_text("100.0 % (n = 30)")
    expect(part(page, "mae")).to_have_text("0.17 bp (n = 30)")
    expect(part(page, "mae-no-change")).to_have_text("0.33 bp (n = 30)")
    assert page.evaluate("window.untouched") is True


def test_live_page_book_and_tape_follow_the_feed_and_say_where_it_has_none(
    coins_web: WebInstance, market: LiveMarket, page: Page
) -> None:
    market.depth(SYMBOL, trades=range(1, 4))
    show(page, coins_web)
    levels, trades = part(page, "levels").locator("tr:visible"), part(page, "trades").locator("tr")
    expect(levels).to_have_count(2)
    expect(levels.first).to_have_text(re.compile(r"2\.0+60,000\.0+60,001\.0+1\.50+"))
    expect(part(page, "spread")).to_contain_text("0.17 bp")
    expect(part(page, "imbalance")).to_have_text("▼ bids 48 %")
    expect(trades).to_have_count(3)
    expect(trades.first).to_contain_text("▲ buy")

    market.depth(SYMBOL, bid=60_010.0, trades=range(1, 61))
    expect(levels.first).to_contain_text("60,010.0")
    expect(trades).to_have_count(50)
    expect(trades.first).to_contain_text("▼ sell")

    row(page, "ETHUSDT").click()
    expect(part(page, "tape")).to_contain_text("No trade has been printed")
    expect(levels.first).to_contain_text("60,000.50")  # the best prices alone
    market.client.delete(keys.ob("ETHUSDT"))
    expect(part(page, "book")).to_contain_text("gives no order book")


def test_live_page_hops_are_measured_or_say_why_not(
    coins_web: WebInstance, market: LiveMarket, page: Page
) -> None:
    show(page, coins_web)
    expect(part(page, "hop-way")).to_have_text(UNKNOWN)

    def measured(told: Locator) -> bool:
        # A busy machine may be too late to compare the clocks before a tick comes.
        expect(part(page, "forecast")).to_have_attribute("data-seq", str(market.tick(ago_ms=900)))
        return told.inner_text() not in ("", UNKNOWN)

    eventually_sync(lambda: measured(part(page, "hop-way")))
    expect(part(page, "hop-exchange")).to_have_text("12 ms")
    expect(part(page, "hop-feature")).to_have_text("12 ms")
    expect(part(page, "hop-compute")).to_have_text("1.3 ms")
    expect(part(page, "hop-way")).to_have_text(re.compile(r"^\d[\d.]* (ms|s)$"))
    expect(part(page, "hop-paint")).to_have_text(re.compile(r"^\d[\d.]* (ms|s)$"))
    way = page.locator("[data-hop=way]")
    expect(way.locator(".spread")).to_have_text("")  # one case is no distribution
    eventually_sync(lambda: measured(way.locator(".spread")))  # ten cases are one
    expect(way.locator(".spread")).to_have_text(re.compile(r"^p50 \d.* · p95 \d"))
    market.tick(ago_ms=7_200_000)
    expect(part(page, "hop-way")).to_have_text(UNKNOWN)
    expect(way).to_have_attribute("title", re.compile("time stamps contradict each other"))

    market.exchange_clock(1_400.0, 2.5)  # within what the recordings of Binance show
    exchange = page.locator("[data-hop=exchange]")

    def says(words: str, ahead_ms: int) -> bool:
        market.features(SYMBOL, ahead_ms=ahead_ms)
        market.tick()
        return words in (exchange.get_attribute("title") or "")

    eventually_sync(lambda: says("1400.0 ms ahead of the feed's, ± 2.5 ms", 1_400))
    expect(part(page, "hop-exchange")).to_have_text("12 ms")
    eventually_sync(lambda: says("time stamps run ahead of its clock", 1_500))
    expect(part(page, "hop-exchange")).to_have_text(UNKNOWN)

    market.run_at(0.0)  # lock-step
    part(page, "twin-hops").locator("summary").click()
    expect(part(page, "strip")).to_contain_text("by two clocks that are compared")
    expect(part(page, "data-age")).to_have_text(UNKNOWN)
    expect(page.locator("#clock")).to_have_text(UNKNOWN)
    market.tick()
    expect(part(page, "hop-feature")).to_have_text(UNKNOWN)
    expect(part(page, "twin-hops")).to_contain_text("in lock-step the market waits")


def test_live_page_server_that_restarts_leaves_no_gap_in_the_chart(
    coins_web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    market = LiveMarket(clean_redis, COINS, venue="external", live=True)
    began = int(time.time())
    market.prices(SYMBOL, [*range(began - 90, began - 60), *range(began - 30, began)])
    show(page, coins_web)
    seq = market.tick()
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq))
    mids = chart_mids(page, at_least=60)
    assert mids[began - 31] is mids[began - 60] is None  # the market's own gap stays one

    assert coins_web.stop() == 0
    expect(part(page, "connection")).not_to_have_attribute("data-state", "open")
    expect(part(page, "notice")).to_contain_text("Disconnected")
    expect(part(page, "forecast")).to_contain_text("this is the last that came")
    # Before the server is back: the page asks for what it missed as soon as it can.
    returned = int(time.time())
    market.prices(SYMBOL, range(began, returned))
    coins_web.start()
    expect(part(page, "connection")).to_have_text("connected")
    expect(part(page, "venue-banner")).to_be_hidden()
    seq = market.tick()
    expect(part(page, "forecast")).to_have_attribute("data-seq", str(seq))

    def holes() -> list[int]:
        mids = chart_mids(page, at_least=60)
        return [second for second in range(began - 30, returned) if mids.get(second) is None]

    eventually_sync(lambda: holes() == [])


def test_live_page_record_tells_of_refusals_and_of_baselines(
    coins_web: WebInstance, market: LiveMarket, page: Page
) -> None:
    answers = [401, 503]

    def refuse(route: Route) -> None:
        status = answers.pop(0) if answers else 503
        body = {"status": "error", "code": "database_unavailable", "message": "no database"}
        route.fulfill(status=status, json=body)

    said = {"model_version": "v1.0.0", "role": "baseline"}
    page.route("**/api/accuracy?**", refuse)
    page.route("**/api/forecasts?**", lambda route: route.fulfill(json={"results": [said]}))
    show(page, coins_web)
    record = part(page, "ledger-record")
    expect(record).to_have_attribute("data-panel", "denied")
    expect(record.get_by_role("button", name="Log in")).to_be_visible()
    row(page, "ETHUSDT").click()
    expect(record).to_have_attribute("data-panel", "error")
    expect(record).to_contain_text("No database.")

    page.unroute("**/api/accuracy?**")
    page.route("**/api/accuracy?**", lambda route: route.fulfill(json=a_record()))
    record.get_by_role("button", name="Try again").click()
    expect(part(page, "day-hits")).to_have_text("53.0 % (n = 4,000)")
    expect(part(page, "day-interval")).to_have_text("51.0 % to 55.0 %")
    expect(part(page, "said-hits")).to_contain_text("▲ Direction: beats 50.5 %")
    expect(part(page, "said-error")).to_contain_text("not shown to beat 1.000")
    market.tick()
    expect(part(page, "role")).to_have_text("baseline")
    expect(part(page, "baseline-note")).to_be_visible()


def test_live_page_chart_takes_the_chosen_theme_at_once(
    coins_web: WebInstance, market: LiveMarket, page: Page
) -> None:
    page.emulate_media(color_scheme="light")
    newest = int(time.time())
    market.prices(SYMBOL, range(newest - 30, newest))
    show(page, coins_web)
    expect(part(page, "chart").locator("canvas").first).to_be_visible()
    eventually_sync(lambda: corner(page) == [255, 255, 255, 255])
    part(page, "settings").click()
    page.get_by_label("Dark").check()
    # No tick comes that would draw it again; a busy browser draws its next frame late.
    eventually_sync(lambda: corner(page) == [18, 24, 31, 255])


def test_live_page_on_a_telephone_needs_no_sideways_scrolling(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    market = LiveMarket(clean_redis, [SYMBOL])
    show(page, web)
    market.tick()
    expect(part(page, "recent").locator("tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tops = page.evaluate(
        """() => ["forecast", "chart-panel", "book", "record"].map(
             (id) => document.getElementById(id).getBoundingClientRect().top)"""
    )
    assert tops == sorted(tops)
    expect(part(page, "watch-list")).to_have_count(0)  # of one coin there is no list
    expect(part(page, "tape")).to_be_hidden()
    page.get_by_role("button", name="Trades").click()
    expect(part(page, "tape")).to_be_visible()
    expect(part(page, "book")).to_be_hidden()


def show(page: Page, web: WebInstance) -> None:
    page.add_init_script("localStorage.setItem('cryptosite.zone', 'utc')")
    page.goto(web.url)
    expect(part(page, "connection")).to_have_text("connected")


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)


def row(page: Page, symbol: str) -> Locator:
    return page.locator(f"#coins tr[data-symbol={symbol}]")


def aged(page: Page) -> list[str]:
    """Return the coins in the list that are marked as old."""
    found: list[str] = page.locator("#coins tr.aged").evaluate_all(
        "rows => rows.map((row) => row.dataset.symbol)"
    )
    return found


def corner(page: Page) -> list[int]:
    """Return the colour of the chart's first pixel."""
    found: list[int] = page.evaluate(
        """async () => {
             const frame = () => new Promise((done) => requestAnimationFrame(done));
             await frame();
             await frame();
             const canvas = document.querySelector("#chart canvas");
             return [...canvas.getContext("2d").getImageData(3, 3, 1, 1).data];
           }"""
    )
    return found


def chart_mids(page: Page, *, at_least: int) -> dict[int, float | None]:
    """Return the mid of each second in the chart's table, once so many are known."""
    page.get_by_role("button", name="5 min").click()
    page.evaluate("document.getElementById('chart-table').open = true")
    page.wait_for_function(
        """(least) => [...document.querySelectorAll("#chart-table tbody tr")]
             .filter((row) => row.cells[1].textContent !== "–").length >= least""",
        arg=at_least,
    )
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#chart-table tbody tr")].map(
             (row) => [row.cells[0].textContent, row.cells[1].textContent])"""
    )
    now = int(time.time())
    return {
        second_of(clock, now): None if mid == UNKNOWN else float(mid.replace(",", ""))
        for clock, mid in rows
    }


def second_of(clock: str, now: int) -> int:
    """Return the second since 1970 that a clock's time of the last hours or next minute names."""
    hours, minutes, seconds = map(int, clock.split(":"))
    second = now - now % 86_400 + hours * 3_600 + minutes * 60 + seconds
    return second - 86_400 if second > now + 600 else second


def mid_of(second: int) -> float:
    return 60_000.0 + second % 1_000


def a_record() -> dict[str, object]:
    hit_rate = {"value": 0.53, "lower": 0.51, "upper": 0.55, "n": 4_000, "baseline": 0.505}
    mae = {"value": 0.99, "lower": 0.97, "upper": 1.01, "n": 4_000, "baseline": 1.0}
    told = {"mae_bp": 1.5, "no_change_mae_bp": 1.52}
    coverage = {"value": 0.9, "lower": 0.89, "upper": 0.91, "n": 4_000, "baseline": 0.9}
    overall = {"n": 4_000, "hit_rate": hit_rate, "mae": mae | told, "coverage": coverage}
    return {"minimum_n": 100, "overall": overall}
