"""Figures of forecasts, by hand, and the questions about them that are refused."""

from dataclasses import asdict

import numpy as np
import pytest

from predictions.accuracy import questions
from predictions.accuracy.forecasts import grouped, risk_coverage, summary
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.questions import (
    ForecastQuestion,
    TooMuchAskedError,
    find_hours,
    newest_ms,
)
from predictions.accuracy.rollups import rebuild
from predictions.models import Forecast, ForecastOutcome, LedgerEntry, Pruning
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.said_forecasts import TICK_MS, VENUE, came, from_rows, said, store


def test_late_forecasts_count_as_late_and_in_nothing_else(leaf: LedgerEntry) -> None:
    timely, late = said(leaf, 0), said(leaf, 1, late=True)
    store([(timely, came(timely, 1.0)), (late, came(late, -1.0))])
    [hour] = from_rows()
    assert (hour.said, hour.late, hour.graded) == (2, 1, 1)
    assert float(hour.blocks.sum(axis=0)[0]) == 1.0
    assert hour.bins.sum(axis=0).tolist()[0] == 1.0


def test_last_takes_the_newest_graded_forecasts(leaf: LedgerEntry) -> None:
    made = [said(leaf, index) for index in range(5)]
    store([(each, came(each, 1.0)) for each in made[:4]])
    store([(made[4], None)])
    found = find_hours(ForecastQuestion(VENUE, last=2)).hours
    assert [hour.graded for hour in found] == [2]


def test_newest_is_the_rows_or_where_all_were_pruned_the_rollups(leaf: LedgerEntry) -> None:
    assert newest_ms(VENUE) is None
    one = said(leaf, 7)
    store([(one, came(one, 1.0))])
    assert newest_ms(VENUE) == FIRST_TICK_MS + 7 * TICK_MS
    rebuild()
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=FIRST_TICK_MS + HOUR_MS)
    ForecastOutcome.objects.all().delete()
    Forecast.objects.all().delete()
    assert newest_ms(VENUE) == FIRST_TICK_MS + HOUR_MS - 1


def test_bands_and_groups_add_up_to_the_whole(leaf: LedgerEntry) -> None:
    rng = np.random.default_rng(2)
    pairs = []
    for index in range(150):
        p_up = float(rng.uniform(0, 0.9))
        one = said(
            leaf, index, p_up=p_up, p_down=0.9 - p_up, symbol=["BTCUSDT", "ETHUSDT"][index % 2]
        )
        pairs.append((one, came(one, float(rng.choice([-1, 0, 1])))))
    store(pairs)
    hours = from_rows()
    whole = summary(hours)
    by_symbol, by_band = grouped(hours, "symbol"), grouped(hours, "band")
    assert [group["symbol"] for group in by_symbol] == ["BTCUSDT", "ETHUSDT"]
    assert sum(group["n"] for group in by_symbol) == whole["n"] == 150
    assert sum(band["said"] for band in by_band) == 150
    assert sum(band["hit_rate"]["n"] for band in by_band) == whole["hit_rate"]["n"]
    curve = risk_coverage(hours)
    assert (curve[0]["share"], curve[0]["said"]) == (1.0, 150)
    assert [point["said"] for point in curve] == sorted((p["said"] for p in curve), reverse=True)


def test_figures_under_the_minimum_are_null_beside_their_n(leaf: LedgerEntry) -> None:
    one = said(leaf, 0)
    store([(one, came(one, 1.0))])
    told = summary(from_rows())
    assert (told["hit_rate"]["n"], told["hit_rate"]["value"], told["hit_rate"]["baseline"]) == (
        1,
        None,
        None,
    )
    assert told["calibration"] == {"ece": None, "n": 1, "points": []}


def test_summary_of_a_hand_made_ledger(leaf: LedgerEntry) -> None:
    # 120 forecasts of one bp up, p_up 0.6, p_flat 0.1: 60 rose 1.5 bp, 40 fell 1 bp, 20 stood.
    returns = [1.5] * 60 + [-1.0] * 40 + [0.0] * 20
    pairs = []
    for index, return_bp in enumerate(returns):
        one = said(leaf, index, p_up=0.6, p_flat=0.1, p_down=0.3)
        pairs.append((one, came(one, return_bp)))
    store(pairs)
    told = summary(from_rows())
    near = lambda value: pytest.approx(value, rel=1e-5)  # noqa: E731  (float32 sums)
    assert (told["n"], told["hit_rate"]["n"], told["hit_rate"]["zero_moves"]) == (120, 100, 20)
    assert told["hit_rate"]["value"] == near(0.6)
    assert told["hit_rate"]["baseline"] == near(0.6)
    assert told["mae"]["mae_bp"] == near((60 * 0.5 + 40 * 2 + 20 * 1) / 120)
    assert told["mae"]["no_change_mae_bp"] == near((60 * 1.5 + 40) / 120)
    assert told["mae"]["value"] == near(130 / 130)
    assert told["r2"]["value"] == near(1 - (60 * 0.25 + 40 * 4 + 20) / (60 * 2.25 + 40))
    assert told["coverage"]["value"] == near(1.0)
    assert told["log_loss"]["value"] == near(
        -(60 * np.log(0.6) + 40 * np.log(0.3) + 20 * np.log(0.1)) / 120
    )
    shares = np.array([0.5, 1 / 6, 1 / 3])
    assert told["log_loss"]["baseline"] == near(-(shares * np.log(shares)).sum())
    assert told["brier"]["value"] == near(
        (60 * (0.16 + 0.01 + 0.09) + 40 * (0.36 + 0.01 + 0.49) + 20 * (0.36 + 0.81 + 0.09)) / 120
    )
    assert told["brier"]["baseline"] == near(1 - (shares**2).sum())
    assert told["calibration"]["ece"] == near(0.1)
    [point] = told["calibration"]["points"]
    assert (point["probability"], point["share"], point["n"]) == (near(0.6), near(0.5), 120)
    assert asdict(find_hours(ForecastQuestion(VENUE)))["from_ms"] is None


def test_question_about_too_much_is_refused(
    leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        one = said(leaf, 0, symbol=symbol)
        store([(one, came(one, 1.0))])
    rebuild()
    monkeypatch.setattr(questions, "MOST_HOURS", 2)
    with pytest.raises(TooMuchAskedError, match="name a symbol"):
        find_hours(ForecastQuestion(VENUE))
    assert len(find_hours(ForecastQuestion(VENUE, "BTCUSDT")).hours) == 1


def test_question_that_needs_too_many_rows_is_refused(
    leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, symbol in enumerate(("BTCUSDT", "ETHUSDT", "BTCUSDT")):
        one = said(leaf, index, symbol=symbol)
        store([(one, came(one, 1.0))])
    monkeypatch.setattr(questions, "MOST_ROWS", 2)
    with pytest.raises(TooMuchAskedError, match="more than 2 forecasts"):
        find_hours(ForecastQuestion(VENUE))
    assert [hour.said for hour in find_hours(ForecastQuestion(VENUE, "BTCUSDT")).hours] == [2]
