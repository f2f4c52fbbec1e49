"""Figures of signals on hand-made ledgers: what stands in each denominator."""

from typing import Any

import numpy as np
import pytest

from inference.vocabulary import Direction, OutcomeStatus, Role, SignalResult, Ungradable
from market.candles.timeframes import Timeframe
from predictions.accuracy.graded_signals import MINIMUM, GradedSignals
from predictions.accuracy.signal_rows import FoundSignals, SignalRow, first_timely
from predictions.accuracy.signal_views import risk_coverage
from predictions.accuracy.signals import figures, grouped, summary

STEP_MS = Timeframe.M15.ms
FIRST_MS = 1_767_225_600_000


def row(index: int = 0, **changes: Any) -> SignalRow:
    """Return a LONG of 0.5 that reached its first target."""
    opened = FIRST_MS + index * STEP_MS
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe": "15m",
        "candle_open": opened,
        "candle_close": opened + STEP_MS,
        "model_version": "v1",
        "role": Role.CHAMPION.value,
        "direction": Direction.LONG.value,
        "confidence": 0.5,
        "p_short": 0.2,
        "p_no_trade": 0.3,
        "p_long": 0.5,
        "late": False,
        "outcome__status": OutcomeStatus.GRADED.value,
        "outcome__reason": "",
        "outcome__result": SignalResult.TAKE_PROFIT.value,
        "outcome__touched": Direction.LONG.value,
        "outcome__r_multiple": 1.0,
        "outcome__r_after_fees": 0.8,
        "outcome__fee_bp": 10.0,
        "outcome__eta_covered": True,
    }
    return SignalRow(**(fields | changes))


WON: dict[str, Any] = {}
LOST = {
    "outcome__result": SignalResult.STOP_LOSS.value,
    "outcome__touched": Direction.SHORT.value,
    "outcome__r_multiple": -1.0,
    "outcome__r_after_fees": -1.2,
    "outcome__eta_covered": None,
}
TIMED_OUT = {
    "outcome__result": SignalResult.TIMED_OUT.value,
    "outcome__touched": Direction.NO_TRADE.value,
    "outcome__r_multiple": 0.1,
    "outcome__r_after_fees": -0.1,
    "outcome__eta_covered": None,
}
STOOD_ASIDE = {
    "direction": Direction.NO_TRADE.value,
    "confidence": 0.6,
    "p_short": 0.2,
    "p_no_trade": 0.6,
    "p_long": 0.2,
    "outcome__result": SignalResult.NO_TRADE.value,
    "outcome__touched": Direction.NO_TRADE.value,
    "outcome__r_multiple": None,
    "outcome__r_after_fees": None,
    "outcome__fee_bp": None,
    "outcome__eta_covered": None,
}
UNGRADED = {"outcome__status": OutcomeStatus.UNGRADABLE.value, "outcome__reason": "path_missing"}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    # 40 won, 20 lost, 20 timed out, 20 stood aside, 1 without a path, 1 still open.
    kinds = [WON] * 40 + [LOST] * 20 + [TIMED_OUT] * 20 + [STOOD_ASIDE] * 20
    kinds += [UNGRADED, {"outcome__status": None}]
    return figures([row(index, **kind) for index, kind in enumerate(kinds)])


def test_counts_keep_ungradable_and_open_apart(told: dict[str, Any]) -> None:
    assert (told["candles"], told["n"], told["open"]) == (102, 100, 1)
    assert told["ungradable"] == {Ungradable.PATH_MISSING.value: 1}
    assert told["results"] == {"no_trade": 20, "stop_loss": 20, "take_profit": 40, "timed_out": 20}


def test_hit_rate_is_of_direction_given_touch(told: dict[str, Any]) -> None:
    hit_rate = told["hit_rate"]
    assert (hit_rate["value"], hit_rate["n"]) == (pytest.approx(40 / 60), 60)
    assert hit_rate["untouched"] == 20
    assert hit_rate["baseline"] == pytest.approx(40 / 60)


def test_timed_out_signals_stay_in_the_take_profit_rates_denominator(told: dict[str, Any]) -> None:
    rate = told["take_profit_rate"]
    assert (rate["value"], rate["n"]) == (pytest.approx(0.5), 80)
    assert rate["baseline"] == pytest.approx(0.4)


def test_accuracy_is_of_three_classes_beside_the_most_frequent(told: dict[str, Any]) -> None:
    assert told["accuracy"]["value"] == pytest.approx(0.6)
    assert told["accuracy"]["baseline"] == pytest.approx(0.4)


def test_losses_stand_beside_those_of_the_class_shares(told: dict[str, Any]) -> None:
    expected = -(40 * np.log(0.5) + 20 * np.log(0.2) + 20 * np.log(0.3) + 20 * np.log(0.6)) / 100
    assert told["log_loss"]["value"] == pytest.approx(expected)
    shares = np.array([0.2, 0.4, 0.4])
    base = -(shares * np.log(shares)).sum()
    assert told["log_loss"]["baseline"] == pytest.approx(base)
    assert told["log_loss"]["skill"]["value"] == pytest.approx(1 - expected / base)
    assert told["brier"]["baseline"] == pytest.approx(1 - (shares**2).sum())


def test_mean_r_is_told_before_and_after_fees_losses_and_all(told: dict[str, Any]) -> None:
    assert told["mean_r"]["value"] == pytest.approx((40 - 20 + 2) / 80)
    assert told["mean_r_after_fees"]["value"] == pytest.approx((32 - 24 - 2) / 80)
    assert (told["mean_r"]["n"], told["fee_bp"]) == (80, 10.0)


def test_eta_coverage_is_of_signals_that_reached_their_target(told: dict[str, Any]) -> None:
    assert (told["eta_coverage"]["value"], told["eta_coverage"]["n"]) == (1.0, 40)
    assert told["eta_coverage"]["baseline"] == 0.8


def test_no_trade_share_is_of_all_candles(told: dict[str, Any]) -> None:
    assert told["no_trade_share"] == pytest.approx(20 / 102)


def test_calibration_of_one_probability_is_its_distance_from_the_share(
    told: dict[str, Any],
) -> None:
    by_class = told["calibration"]["by_class"]
    assert by_class["SHORT"]["ece"] == pytest.approx(0.0)  # 0.2 was said, 0.2 came
    assert by_class["LONG"]["ece"] == pytest.approx((80 * 0 + 20 * 0.2) / 100)
    assert told["calibration"]["ece"] is not None


def test_figures_of_few_signals_are_null_beside_their_n() -> None:
    told = figures([row(index) for index in range(MINIMUM - 1)])
    assert (told["hit_rate"]["value"], told["hit_rate"]["n"]) == (None, MINIMUM - 1)
    assert told["accuracy"]["value"] is told["mean_r"]["value"] is told["no_trade_share"] is None
    assert told["calibration"]["ece"] is None


def test_figures_of_nothing_are_null() -> None:
    told = figures([])
    assert (told["n"], told["log_loss"]["value"], told["mean_r"]["value"]) == (0, None, None)


def test_first_timely_counts_one_signal_a_candle() -> None:
    rows = [
        row(0, late=True, model_version="late"),
        row(0, model_version="first"),
        row(0, model_version="second"),
        row(0, symbol="ETHUSDT", model_version="other coin"),
        row(1, model_version="next"),
        row(0, role=Role.SHADOW.value, model_version="on trial"),
    ]
    kept = [each.model_version for each in first_timely(rows)]
    assert kept == ["first", "other coin", "next", "on trial"]


def test_groups_by_band_hold_every_signal_once() -> None:
    rows = [row(index, confidence=0.34 + index / 150) for index in range(90)]
    found = FoundSignals(rows, 90, 0, 0, False)
    bands = grouped(found, "band")
    assert [band["band"] for band in bands] == sorted(band["band"] for band in bands)
    assert sum(band["candles"] for band in bands) == 90
    assert summary(found)["said"] == 90


def test_risk_coverage_keeps_the_surest_and_ties_together() -> None:
    sure = [row(index, confidence=0.7) for index in range(40)]
    unsure = [row(40 + index, **LOST, confidence=0.4) for index in range(60)]
    curve = risk_coverage(GradedSignals([*sure, *unsure]))
    assert [(point["said"], point["hit_rate"]["value"]) for point in curve] == [
        (100, pytest.approx(0.4)),
        (40, 1.0),
    ]


def test_risk_coverage_keeps_timed_out_signals_in_the_denominator() -> None:
    won = [row(index) for index in range(40)]
    untouched = {"outcome__touched": "NO_TRADE", "outcome__result": SignalResult.TIMED_OUT.value}
    timed_out = [row(40 + index, **untouched) for index in range(60)]
    [point] = risk_coverage(GradedSignals([*won, *timed_out]))
    assert (point["hit_rate"]["value"], point["hit_rate"]["untouched"]) == (1.0, 60)
    assert point["take_profit_rate"]["value"] == pytest.approx(0.4)


def test_risk_coverage_without_a_direction_is_empty() -> None:
    rows = [row(index, **STOOD_ASIDE) for index in range(50)]
    assert risk_coverage(GradedSignals(rows)) == []
