"""Versions of a slot ranked on one ledger: by what each saves of the champion's loss."""

import numpy as np
import pytest

from inference.artefacts.versions import Slot
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from predictions.accuracy.questions import (
    ForecastQuestion,
    Found,
    TooMuchAskedError,
    find_hours,
)
from predictions.accuracy.rollups import store_hour
from predictions.promotion import ranked_forecasts, ranked_signals
from predictions.promotion import ranking as module
from predictions.promotion.ranking import ranking
from tests.integration import retraining_rows as rows
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.versions_ledger import SYMBOLS, VENUE, say_forecasts, say_signals

pytestmark = pytest.mark.django_db

FORECASTER, HOUR = Slot(FORECASTS), Slot(SIGNALS, Timeframe.H1)


def fill_forecasts() -> None:
    random = np.random.default_rng(1)
    for hour in range(2):
        ticks = [hour * 1_800 + tick for tick in range(0, 1_800, 60)]
        came = random.normal(0, 2, size=(len(ticks), 2))
        said = {"v1": 0.1 * came, "v2": 0.3 * came, "v3": -0.3 * came}
        say_forecasts(said, came, ticks=ticks)
    store_hour(VENUE, FIRST_TICK_MS)


def test_ranking_of_forecasters_has_the_best_first_and_each_against_the_champion() -> None:
    fill_forecasts()

    found = ranking(FORECASTER, VENUE, "v1")

    assert [row["version"] for row in found["versions"]] == ["v2", "v1", "v3"]
    best, champion, worst = found["versions"]
    assert {row["n"] for row in found["versions"]} == {120}
    for row, share in ((best, 0.3), (champion, 0.1), (worst, -0.3)):
        assert row["r2"]["value"] == pytest.approx(1 - (1 - share) ** 2, abs=1e-5)
        assert row["mae_ratio"]["value"] == pytest.approx(1 - share, abs=1e-5)
        assert row["r2"]["lower"] < row["r2"]["value"] < row["r2"]["upper"] + 1e-9
    assert champion["against_champion"] is None
    assert best["against_champion"]["value"] == pytest.approx(1 - 0.49 / 0.81, abs=1e-5)
    assert worst["against_champion"]["value"] == pytest.approx(1 - 1.69 / 0.81, abs=1e-5)
    assert best["against_champion"]["n"] == 120
    assert best["hit_rate"]["value"] == 1.0
    (baseline,) = found["baselines"]
    assert (baseline["name"], baseline["r2"], baseline["mae_ratio"]) == ("no change", 0.0, 1.0)
    assert baseline["against_champion"]["value"] == pytest.approx(1 - 1 / 0.81, abs=1e-5)
    assert [best["rank"], champion["rank"], baseline["rank"], worst["rank"]] == [1, 2, 3, 4]
    assert "squared error of v1, which serves" in found["compared_on"]


def test_ranking_is_of_shared_decisions_whatever_a_version_met_alone() -> None:
    fill_forecasts()
    easy = [3_600 + tick for tick in range(0, 1_800, 60)]
    came = np.full((30, 2), 20.0)
    say_forecasts({"v3": came}, came, ticks=easy)

    found = ranking(FORECASTER, VENUE, "v1")

    own = {row["version"]: row["r2"]["value"] for row in found["versions"]}
    assert max(own, key=lambda version: own[version]) == "v3"
    assert [row["version"] for row in found["versions"]] == ["v2", "v1", "v3"]


def test_ranking_takes_other_ticks_of_one_minute_for_no_shared_decisions() -> None:
    fill_forecasts()
    came = np.random.default_rng(3).normal(0, 2, size=(30, 2))
    rows.version("v4", "shadow")
    for version, first in (("v1", 3_600), ("v4", 3_601)):
        said = {version: came}
        say_forecasts(said, came, ticks=range(first, first + 1_800, 60))
        came = came + 1

    found = {row["version"]: row for row in ranking(FORECASTER, VENUE, "v1")["versions"]}

    assert (found["v4"]["n"], found["v4"]["against_champion"]["n"]) == (60, 0)


def test_ranking_of_few_shared_decisions_is_too_early_and_says_how_many() -> None:
    fill_forecasts()
    came = np.random.default_rng(3).normal(0, 2, size=(60, 2))
    rows.version("v4", "shadow")
    rows.version("v5", "shadow")
    for ticks, version in ((range(3_600, 3_660), "v4"), (range(3_660, 3_664), "v5")):
        said = came[: len(ticks)]
        say_forecasts({"v1": 0 * said, version: said}, said, ticks=ticks)

    found = ranking(FORECASTER, VENUE, "v1")

    assert [row["rank"] for row in found["versions"]] == [1, 2, 4, None, None]
    many, few = found["versions"][3:]
    assert (many["version"], many["against_champion"]["n"]) == ("v4", 120)  # in two minutes
    assert (few["version"], few["against_champion"]["n"]) == ("v5", 8)
    assert many["against_champion"]["value"] is many["against_champion"]["lower"] is None
    assert found["least"] == {"n": 100, "blocks": 20}


def test_ranking_without_a_word_of_the_champion_ranks_nobody_and_says_why() -> None:
    fill_forecasts()

    silent, nobody = (ranking(FORECASTER, VENUE, champion) for champion in ("v9", ""))

    assert "v9, which serves, has no graded prediction in test" in silent["compared_on"]
    assert nobody["compared_on"] == "Nothing serves, so there is nothing to compare with."
    for found in (silent, nobody):
        assert {row["rank"] for row in found["versions"] + found["baselines"]} == {None}
        assert len(found["versions"]) == 3


def test_ranking_of_many_versions_counts_those_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_forecasts()
    monkeypatch.setattr(module, "MOST_VERSIONS", 2)

    found = ranking(FORECASTER, VENUE, "v1")

    assert (len(found["versions"]), found["left_out"]) == (2, 1)


def test_ranking_compares_minutes_that_both_answered_alone() -> None:
    fill_forecasts()
    late = [3_600 + tick for tick in range(0, 1_800, 60)]
    came = np.ones((30, 2))
    say_forecasts({"v2": -came}, came, ticks=late)

    found = {row["version"]: row for row in ranking(FORECASTER, VENUE, "v1")["versions"]}

    assert (found["v2"]["n"], found["v2"]["against_champion"]["n"]) == (180, 120)


def test_ranking_of_too_much_takes_the_newest_half(monkeypatch: pytest.MonkeyPatch) -> None:
    fill_forecasts()
    asked: list[int] = []

    def strict(question: ForecastQuestion) -> Found:
        assert question.from_ms is not None and question.to_ms is not None
        asked.append(question.to_ms - question.from_ms)
        if asked[-1] > 86_400_000:
            raise TooMuchAskedError("too much")
        return find_hours(question)

    monkeypatch.setattr(ranked_forecasts, "find_hours", strict)

    found = ranking(FORECASTER, VENUE, "v1")

    assert found["to_ms"] - found["from_ms"] < 86_400_000
    assert len(found["versions"]) == 3


def test_ranking_of_many_rows_since_the_last_full_hour_ends_with_that_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_forecasts()
    monkeypatch.setattr(ranked_forecasts, "MOST_ROWS", 100)

    found = ranking(FORECASTER, VENUE, "v1")

    assert found["to_ms"] == FIRST_TICK_MS + 3_600_000
    assert {row["n"] for row in found["versions"]} == {60}
    compared = {row["version"]: row["against_champion"] for row in found["versions"]}
    assert compared["v1"] is None and compared["v2"]["n"] == 60


def test_ranking_of_too_much_begins_with_a_full_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    fill_forecasts()
    monkeypatch.setattr(ranked_forecasts, "MOST_ROWS", 100)
    spans: set[int] = set()

    def strict(question: ForecastQuestion) -> Found:
        assert question.from_ms is not None and question.to_ms is not None
        spans.add(question.to_ms - question.from_ms)
        if question.to_ms - question.from_ms > 7_200_000:
            raise TooMuchAskedError("too much")
        return find_hours(question)

    monkeypatch.setattr(ranked_forecasts, "find_hours", strict)
    ranking(FORECASTER, VENUE, "v1")

    assert len(spans) > 5
    assert all(span % 3_600_000 == 0 for span in spans)


def test_ranking_of_signals_says_log_loss_against_shares_and_champion() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, size=(160, len(SYMBOLS)))
    right, wrong = np.full((2, 160, len(SYMBOLS), 3), 0.3)
    np.put_along_axis(right, labels[:, :, None], 0.4, axis=2)
    wrong += 0.05
    np.put_along_axis(wrong, labels[:, :, None], 0.3, axis=2)
    say_signals({"v1": wrong, "v2": right}, labels)

    found = ranking(HOUR, VENUE, "v1")

    best, champion = found["versions"]
    assert (best["version"], champion["version"]) == ("v2", "v1")
    assert best["n"] == champion["n"] == 320
    expected = 1 - np.log(0.4) / np.log(0.3)
    assert best["against_champion"]["value"] == pytest.approx(expected)
    assert best["log_loss_skill"]["value"] > 0 > champion["log_loss_skill"]["value"]
    (baseline,) = found["baselines"]
    assert (baseline["name"], baseline["log_loss_skill"]) == ("class shares", 0.0)
    assert (best["rank"], baseline["rank"], champion["rank"]) == (1, 2, 3)
    assert found["least"] == {"n": 30, "blocks": 3}


def test_ranking_of_more_signals_than_are_read_is_of_their_stretch_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.random.default_rng(2).integers(0, 3, size=(20, len(SYMBOLS)))
    said = np.full((20, len(SYMBOLS), 3), 1 / 3)
    say_signals({"v1": said}, labels)
    say_signals({"v2": said[:15]}, labels[:15])
    monkeypatch.setattr(ranked_signals, "MOST_SIGNALS", 20)

    found = ranking(HOUR, VENUE, "v1")

    assert found["from_ms"] == FIRST_TICK_MS + 10 * Timeframe.H1.ms
    assert {row["version"]: row["n"] for row in found["versions"]} == {"v1": 20, "v2": 10}


@pytest.mark.parametrize("slot", [FORECASTER, HOUR], ids=str)
def test_ranking_of_an_empty_ledger_is_empty(slot: Slot) -> None:
    assert ranking(slot, VENUE, "v1")["versions"] == []
