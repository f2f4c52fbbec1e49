"""Figures over time, by pair and by R: what `/api/accuracy` tells the accuracy page."""

from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from predictions.accuracy.forecasts import over_time, summary
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.questions import ForecastQuestion, find_hours
from predictions.accuracy.report import Asked, report
from predictions.api.kept_answers import KeptAnswers
from predictions.models import ForecastRollup
from tests.integration.accuracy_ledger import VENUE, fill_forecasts, fill_signals
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.test_accuracy_api import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def forecasts(db: None) -> None:
    fill_forecasts(hours=5)


@pytest.fixture
def signals(db: None) -> None:
    fill_signals(candles={"15m": 120, "1h": 60, "4h": 30, "1d": 12})


def ask(client: Client, query: str) -> Any:
    response = client.get(f"/api/accuracy?venue={VENUE}&{query}")
    assert response.status_code == 200, response.content
    return response.json()


def test_series_of_rollups_is_that_of_rows(forecasts: None) -> None:
    asked = ForecastQuestion(VENUE)
    stored = over_time(find_hours(asked).hours, "1h")
    assert ForecastRollup.objects.exists()
    ForecastRollup.objects.all().delete()
    assert over_time(find_hours(asked).hours, "1h") == stored


def test_series_window_has_the_figures_of_that_window_alone(forecasts: None) -> None:
    told = over_time(find_hours(ForecastQuestion(VENUE)).hours, "1h")
    assert told is not None
    first, second = FIRST_TICK_MS + HOUR_MS, FIRST_TICK_MS + 2 * HOUR_MS
    hour = find_hours(ForecastQuestion(VENUE, from_ms=first, to_ms=second)).hours
    point = next(each for each in told["points"] if each["to"].startswith("2026-01-01T02:00"))
    for name in ("hit_rate", "mae", "coverage"):
        assert point[name] == summary(hour)[name]


def test_series_rolls_by_a_quarter_and_ends_with_the_record(
    client: Client, forecasts: None
) -> None:
    series = ask(client, "series=1h")["series"]
    assert (series["window"], series["window_ms"], series["step_ms"]) == ("1h", 3_600_000, 900_000)
    ends = [each["to"] for each in series["points"]]
    assert (len(ends), ends[0][:16], ends[-1][:16]) == (20, "2026-01-01T00:15", "2026-01-01T05:00")
    assert all(one["from"] < other["from"] for one, other in pairwise(series["points"]))
    assert series["points"][0]["hit_rate"]["value"] is None
    assert series["points"][-1]["hit_rate"]["n"] > 100


def test_series_auto_takes_the_shortest_window_of_few_points(
    client: Client, forecasts: None
) -> None:
    series = ask(client, "series=auto")["series"]
    assert (series["window"], len(series["points"])) == ("20m", 60)


def test_series_of_signals_takes_windows_that_hold_an_interval(
    client: Client, signals: None
) -> None:
    told = ask(client, "engine=signals&timeframe=15m&from=2025-01-01T00:00:00Z&series=auto")
    assert told["series"]["window"] == "7d"
    last = told["series"]["points"][-1]
    assert last["accuracy"]["n"] == told["overall"]["n"] == 360
    assert last["mean_r"]["value"] == told["overall"]["mean_r"]["value"]


def test_series_of_an_empty_record_is_null(client: Client, db: None) -> None:
    for engine in ("forecasts", "signals"):
        told = ask(client, f"engine={engine}&series=auto")
        assert (told["series"], told["risk_coverage"]) == (None, [])


def test_series_of_too_many_points_is_refused(client: Client, signals: None) -> None:
    query = f"?venue={VENUE}&engine=signals&from=2024-01-01T00:00:00Z&series=20m"
    assert "points here, at most 500" in refused(client, query)


def test_groups_of_a_pair_are_those_of_their_question(client: Client, signals: None) -> None:
    told = ask(client, "engine=signals&days=3650&by=symbol,timeframe")
    assert len(told["groups"]) == 12
    assert sum(group["n"] for group in told["groups"]) == told["overall"]["n"]
    found = {(each["symbol"], each["timeframe"]): each for each in told["groups"]}
    alone = ask(client, "engine=signals&days=3650&symbol=ETHUSDT&timeframe=1h")["overall"]
    group = found["ETHUSDT", "1h"]
    assert (group["n"], group["accuracy"]) == (60, alone["accuracy"])
    assert found["BTCUSDT", "1d"]["accuracy"]["value"] is None
    assert found["BTCUSDT", "1d"]["accuracy"]["n"] == 12


def test_groups_of_a_pair_of_forecasts_name_both(client: Client, forecasts: None) -> None:
    groups = ask(client, "by=symbol,source")["groups"]
    assert {(each["symbol"], each["source"]) for each in groups} >= {
        ("BTCUSDT", "redis"),
        ("ETHUSDT", "fallback-stale"),
    }


def test_distribution_of_r_counts_every_trade(client: Client, signals: None) -> None:
    told = ask(client, "engine=signals&days=3650")
    spread, overall = told["r_distribution"], told["overall"]
    assert spread["n"] == overall["mean_r"]["n"] == sum(each["before"] for each in spread["bins"])
    assert spread["n_after_fees"] == sum(each["after_fees"] for each in spread["bins"])
    won = next(each for each in spread["bins"] if each["r"] == 1.0)
    assert won["before"] == overall["results"]["take_profit"]
    assert ask(client, "engine=forecasts")["r_distribution"] is None


def test_distribution_of_too_few_has_no_bins(client: Client, signals: None) -> None:
    told = ask(client, "engine=signals&days=3650&symbol=BTCUSDT&timeframe=1d")
    assert 0 < told["r_distribution"]["n"] < 30
    assert told["r_distribution"]["bins"] is None


def test_risk_coverage_of_all_signals_has_the_mean_r_of_all(client: Client, signals: None) -> None:
    told = ask(client, "engine=signals&days=3650")
    everything = told["risk_coverage"][0]
    assert everything["share"] == 1
    assert everything["mean_r"] == told["overall"]["mean_r"]
    assert everything["mean_r_after_fees"]["n"] == everything["said"]


def test_days_count_back_from_the_newest_in_whole_hours(client: Client, db: None) -> None:
    fill_forecasts(("BTCUSDT",), hours=27)
    told = ask(client, "days=1")
    assert told["from"] == "2026-01-01T03:00:00+00:00"
    assert told["overall"]["said"] == 24 * 180


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?series=1m", "series: must be one of auto, 20m, 1h, 6h, 1d, 7d, 30d, 90d"),
        ("?by=symbol,venue", "by: must be one of symbol, model_version"),
        ("?by=symbol,symbol", "by: takes one grouping, or two different ones"),
        ("?by=symbol,role,source", "by: takes one grouping, or two different ones"),
        ("?by=symbol,band", "by: band of forecasts stands alone"),
        ("?days=0", "days: must be from 1 to 3650"),
        ("?days=1&last=5", "days: takes neither from, to nor last"),
    ],
)
def test_accuracy_refuses_a_bad_view_by_name(client: Client, query: str, told: str) -> None:
    assert told in refused(client, f"{query}&venue={VENUE}")


def test_accuracy_report_prints_series_pairs_and_the_spread_of_r(signals: None) -> None:
    out = StringIO()
    arguments = ("--engine", "signals", "--days", "3650", "--by", "symbol,timeframe")
    call_command("accuracy_report", *arguments, "--series", "90d", stdout=out)
    text = out.getvalue()
    assert "symbol ETHUSDT timeframe 1h" in text
    assert "hit rate over time, of the 90d before" in text
    assert "+1.00 R" in text


def test_report_without_series_tells_none(forecasts: None) -> None:
    assert report(Asked(ForecastQuestion(VENUE)))["series"] is None


def test_accuracy_of_signals_is_added_up_again_when_the_ledger_has_grown(
    client: Client, signals: None
) -> None:
    query = "engine=signals&days=3650"
    first = ask(client, query)
    assert ask(client, query) == first
    fill_signals(("ADAUSDT",), candles={"15m": 1, "1h": 0, "4h": 0, "1d": 0})
    assert ask(client, query)["overall"]["n"] == first["overall"]["n"] + 1
    assert ask(client, f"{query}&symbol=ADAUSDT")["overall"]["n"] == 1


def test_kept_answers_are_made_once_a_state_and_forget_the_oldest() -> None:
    kept, made = KeptAnswers(most=2), []

    def make(text: str) -> Callable[[], bytes]:
        def answer() -> bytes:
            made.append(text)
            return text.encode()

        return answer

    assert kept.answer("a", 1, make("a1")) == kept.answer("a", 1, make("again")) == b"a1"
    assert kept.answer("a", 2, make("a2")) == b"a2"
    kept.answer("b", 1, make("b1"))
    kept.answer("c", 1, make("c1"))
    assert kept.answer("a", 2, make("a2")) == b"a2"
    assert made == ["a1", "a2", "b1", "c1", "a2"]
