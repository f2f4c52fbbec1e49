"""Recorded BTCUSDT frames through every process to a page, held against the database."""

import sqlite3
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser import find_chromium
from tests.collected import give_static_files
from tests.processes import Instance, running_instance
from tests.recordings import BTC_SPOT, recording
from tests.waiting import eventually_sync

CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def database(instance: Instance) -> sqlite3.Connection:
    connection = sqlite3.connect(instance.directory / "cryptosite.sqlite3")
    connection.row_factory = sqlite3.Row
    return connection


def recorded(instance: Instance, tick: int) -> sqlite3.Row:
    """Return the database's row of a tick, once the recorder has written it."""
    found: list[sqlite3.Row] = []

    def look() -> bool:
        with database(instance) as connection:
            query = "SELECT * FROM predictions_forecast WHERE tick = ?"
            found.extend(connection.execute(query, (tick,)))
        return bool(found)

    eventually_sync(look, 10)
    return found[0]


def shown(page: Page, name: str) -> str:
    return page.get_by_test_id(name).inner_text()


def number(text: str) -> float:
    return float(text.replace(",", "").replace("\u2009", ""))


def test_replayed_frames_become_forecasts_on_a_page_as_the_database_has_them(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    settings = {"MARKET_SOURCE": "replay", "MARKET_REPLAY": str(recording(BTC_SPOT))}
    with running_instance(short_dir, instance_env, **settings) as instance:
        give_static_files(instance.env)
        for command in ("run_market_feed", "run_inference_loop", "run_recorder", "run_web"):
            instance.start(command)
        eventually_sync(lambda: len(instance.entries()) >= 2, 40)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM)
            page = browser.new_page()
            complaints: list[str] = []
            requests: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(f"http://127.0.0.1:{instance.web_port}/")
            check_forecast(page, instance)
            check_outcomes(page, instance)
            assert "REPLAY" in shown(page, "venue-banner")
            assert complaints == []
            assert {url.split("/")[2] for url in requests if "://" in url} == {
                f"127.0.0.1:{instance.web_port}"
            }
            browser.close()
        check_nothing_is_called_live(instance)


def check_forecast(page: Page, instance: Instance) -> None:
    """The forecast on the page is the database's row of the tick it names."""
    panel = page.get_by_test_id("forecast")
    eventually_sync(lambda: panel.get_attribute("data-seq"), 20)
    seen = ""
    for _ in range(3):
        wait_for_another(panel, seen)
        # The panel is filled in one go; read it in one go, too.
        seen, predicted, interval, quality = panel.evaluate(
            """panel => {
                 const text = id => panel.querySelector(`[data-testid=${id}]`).textContent;
                 return [panel.dataset.seq, text("predicted-price"), text("interval"),
                         text("confidence")];
               }"""
        )
        row = recorded(instance, int(seen))
        assert row["source"] == "redis"
        assert row["venue"].startswith("replay/")
        assert abs(number(predicted) - row["predicted_price"]) < 0.006
        lower, upper = (number(part) for part in interval.split(" to "))
        assert abs(lower - row["lower"]) < 0.006
        assert abs(upper - row["upper"]) < 0.006
        assert abs(float(quality) - row["confidence"]) < 0.006


def wait_for_another(panel: Locator, seen: str) -> None:
    eventually_sync(lambda: panel.get_attribute("data-seq") != seen, 10)


def check_outcomes(page: Page, instance: Instance) -> None:
    """Hits and misses in the page's table are those of the graded rows."""
    table = page.get_by_test_id("recent")
    eventually_sync(lambda: "hit" in table.inner_text() or "miss" in table.inner_text(), 40)
    with database(instance) as connection:
        graded = connection.execute(
            """SELECT f.target_ts, f.predicted_price, o.target_mid, o.direction_hit
               FROM predictions_forecast f
               JOIN predictions_forecastoutcome o ON o.forecast_id = f.id
               WHERE o.status = 'graded'"""
        ).fetchall()
    marks = {1: "hit", 0: "miss"}
    expected = {
        f"{row['predicted_price']:,.2f}": (marks.get(row["direction_hit"]), row["target_mid"])
        for row in graded
    }
    compared = 0
    for line in table.inner_text().splitlines():
        cells = line.split("\t")
        if len(cells) < 5 or cells[1] not in expected:
            continue
        mark, came = expected[cells[1]]
        if mark is not None and "open" not in cells[4]:
            assert mark in cells[4]
            assert abs(number(cells[2]) - came) < 0.006
            compared += 1
    assert compared >= 1


def check_nothing_is_called_live(instance: Instance) -> None:
    with database(instance) as connection:
        venues = connection.execute(
            "SELECT DISTINCT venue, live FROM predictions_forecast"
        ).fetchall()
    assert [(row["venue"].split("/")[0], row["live"]) for row in venues] == [("replay", 0)]
