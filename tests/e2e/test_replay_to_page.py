"""Recorded BTCUSDT frames through every process to a page, held against the database."""

import sqlite3
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.collected import give_static_files
from tests.e2e.conftest import Heard
from tests.processes import Instance, running_instance
from tests.recordings import BTC_SPOT, recording
from tests.waiting import eventually_sync


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

    eventually_sync(look)
    return found[0]


def shown(page: Page, name: str) -> str:
    return page.get_by_test_id(name).inner_text()


def number(text: str) -> float:
    return float(text.replace(",", "").replace("\u2009", ""))


def test_replayed_frames_become_forecasts_on_a_page_as_the_database_has_them(
    short_dir: Path, instance_env: dict[str, str], page: Page, heard: Heard
) -> None:
    settings = {
        "MARKET_SOURCE": "replay",
        "MARKET_REPLAY": str(recording(BTC_SPOT)),
        "MARKET_SPEED": "4",
    }
    with running_instance(short_dir, instance_env, **settings) as instance:
        instance.configure(max_feature_age_seconds=60)  # of the market, which runs fast
        give_static_files(instance.env)
        for command in ("run_market_feed", "run_inference_loop", "run_recorder"):
            instance.start(command)
        instance.start_web()
        eventually_sync(lambda: len(instance.entries()) >= 2)
        page.goto(f"{instance.address}/")
        check_forecast(page, instance)
        check_outcomes(page, instance)
        assert "REPLAY" in shown(page, "venue-banner")
        assert heard.complaints == []
        assert heard.strangers(instance.address) == []
        check_nothing_is_called_live(instance)


def check_forecast(page: Page, instance: Instance) -> None:
    """The forecast on the page is the database's row of the tick it names."""
    panel = page.get_by_test_id("forecast")
    eventually_sync(lambda: panel.get_attribute("data-seq"))
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
    eventually_sync(lambda: panel.get_attribute("data-seq") != seen)


def check_outcomes(page: Page, instance: Instance) -> None:
    """Hits and misses in the page's table are those of the graded rows."""
    table = page.get_by_test_id("recent")
    eventually_sync(lambda: "hit" in table.inner_text() or "miss" in table.inner_text())
    with database(instance) as connection:
        graded = connection.execute(
            """SELECT f.target_ts, f.predicted_price, o.target_mid, o.direction_hit
               FROM predictions_forecast f
               JOIN predictions_forecastoutcome o ON o.forecast_id = f.id
               WHERE o.status = 'graded'"""
        ).fetchall()
    marks = {1: "hit", 0: "miss", None: ""}
    expected = defaultdict(list)  # several forecasts may have been of one price
    for row in graded:
        expected[f"{row['predicted_price']:,.2f}"].append(
            (marks[row["direction_hit"]], row["target_mid"])
        )
    compared = 0
    for line in table.inner_text().splitlines():
        cells = line.split("\t")
        if len(cells) >= 5 and "open" not in cells[4] and (outcomes := expected.get(cells[1])):
            came = number(cells[2])
            assert any(mark in cells[4] and abs(came - mid) < 0.006 for mark, mid in outcomes)
            compared += 1
    assert compared >= 1


def check_nothing_is_called_live(instance: Instance) -> None:
    with database(instance) as connection:
        venues = connection.execute(
            "SELECT DISTINCT venue, live FROM predictions_forecast"
        ).fetchall()
    assert [(row["venue"].split("/")[0], row["live"]) for row in venues] == [("replay", 0)]
