"""What the gates let through, on markets whose truth is known; how often is stated at each test.

A run passes where every criterion does, so what the first question refuses is asked no more.
"""

from dataclasses import replace

import numpy as np
import pytest

from market.hot.vector import CELL_MS, INDEX
from predictions.promotion.criteria import Verdict
from predictions.promotion.pairing import PairedForecasts
from tests.recordings import BTC_SPOT, recording
from tests.simulated_rivals import CHALLENGER, RIVAL, Belief, forecasts, signals
from training.decisions import decide
from training.fitting import fit_microprice, fit_ridge
from training.gate import Contest, Graded, between, decide_served, duel, veto
from training.recordings import Cells, read_recording
from training.shadow_gate import judge_shadow_forecasts
from training.signals import gate as signal_gate
from training.splits import split_at
from training.superiority import trial_significance
from training.synthetic import synthetic_cells

EQUAL = Belief()
KNOWING = Belief(error=0.0)


def _forecast_runs(runs: int, ticks: int, challenger: Belief, rival: Belief) -> tuple[int, int]:
    """Return how many pass the questions of both stages, and the first gate with its veto."""
    passed = let_in = 0
    for seed in range(runs):
        draws = np.random.default_rng(seed)
        contest, _ = forecasts(draws, ticks, 2, challenger, rival)
        if not trial_significance(duel(CHALLENGER, RIVAL, contest)).passed:
            continue
        if all(one.passed for one in between(CHALLENGER, RIVAL, contest)):
            passed += 1
            final, _ = forecasts(draws, ticks // 2, 2, challenger, rival)
            let_in += veto(CHALLENGER, RIVAL, final).passed
    return passed, let_in


def test_forecast_gate_of_an_equal_challenger_passes_at_most_one_in_a_hundred() -> None:
    # Of 1,000 runs: 10 are one in a hundred; 4 or fewer show less than that with 95 % confidence.
    passed, let_in = _forecast_runs(1_000, 1_500, EQUAL, EQUAL)
    assert passed <= 10
    assert let_in <= 4


def test_forecast_gate_of_a_better_challenger_passes_four_times_in_five() -> None:
    # 0.04 R² more, on about 2,000 independent decisions.
    passed, let_in = _forecast_runs(50, 6_000, replace(KNOWING, more=0.04), KNOWING)
    assert passed >= 40
    assert let_in >= 40


def _signal_runs(runs: int, steps: int, coins: int, challenger: Belief, rival: Belief) -> int:
    passed = 0
    for seed in range(runs):
        judged, answers = signals(np.random.default_rng(seed), steps, coins, challenger, rival)
        mine, theirs = answers[CHALLENGER], answers[RIVAL]
        if trial_significance(signal_gate.duel(mine, theirs, judged, RIVAL)).passed:
            asked = signal_gate.between(mine, theirs, judged, RIVAL)
            passed += all(one.passed for one in asked)
    return passed


def test_signal_gate_of_an_equal_challenger_passes_at_most_one_in_a_hundred() -> None:
    assert _signal_runs(400, 1_200, 4, EQUAL, EQUAL) <= 4


def test_signal_gate_of_a_better_challenger_passes_four_times_in_five() -> None:
    # About 1.5 % log-loss more, on about 1,500 independent decisions.
    assert _signal_runs(30, 3_000, 6, Belief(more=0.05), EQUAL) >= 24


def test_best_of_twenty_equal_variants_passes_at_most_one_in_a_hundred() -> None:
    runs, alone, among = 300, 0, 0
    for seed in range(runs):
        draws = np.random.default_rng(20_000 + seed)
        contest, others = forecasts(draws, 1_500, 1, EQUAL, EQUAL, variants=20)
        if not trial_significance(duel(CHALLENGER, RIVAL, contest)).passed:
            continue
        if all(one.passed for one in between(CHALLENGER, RIVAL, contest)):
            alone += 1
            asked = between(CHALLENGER, RIVAL, contest, trials=others)
            among += all(one.passed for one in asked)
    assert alone > 0.03 * runs  # as if one alone had been tried
    assert among <= 0.01 * runs


def _leaking(cells: Cells, ahead_ms: int) -> Cells:
    """Return cells whose features, prices apart, already tell of what comes."""
    values = cells.values.copy()
    cut = len(values) - ahead_ms // CELL_MS
    values[:cut] = cells.values[len(values) - cut :]
    values[cut:] = np.nan
    prices = [INDEX["price"], INDEX["mid_price"]]
    values[:, prices] = cells.values[:, prices]
    return Cells(cells.name, cells.times_ms, values)


def _contest(cells: Cells, ahead_ms: int, *, live: bool = False) -> Contest:
    """Return ridge taught on leaking features against microprice on honest ones.

    live: it is asked as it would be served, where no feature can know what comes.
    """
    honest, leaking = decide([cells]), decide([_leaking(cells, ahead_ms)])
    shared = np.intersect1d(honest.decided_ms, leaking.decided_ms)
    honest, leaking = (one.take(np.isin(one.decided_ms, shared)) for one in (honest, leaking))
    split = split_at(honest.timeline, 0.5, 1.0, calibration_share=0.2, embargo_ms=10_000)
    rows = split.test & honest.on_grid
    asked = honest if live else leaking
    answers = {
        CHALLENGER: fit_ridge(leaking.take(split.fit)).predict(asked.features[rows]),
        RIVAL: fit_microprice(honest.take(split.fit)).predict(honest.features[rows]),
    }
    return Contest(Graded.of(honest.take(rows)), answers)


def _alarmed(contest: Contest) -> bool:
    choice = decide_served(CHALLENGER, RIVAL, contest, contest)
    alarmed = any(one.startswith("leak alarms: ") for one in choice.objections)
    assert choice.served == RIVAL or not alarmed
    return alarmed


@pytest.fixture(scope="module")
def recorded() -> Cells:
    return read_recording(recording(BTC_SPOT))


@pytest.fixture(scope="module")
def made_up() -> Cells:
    return synthetic_cells(minutes=40, seed=1)


@pytest.mark.parametrize("ahead_ms", [3_000, 5_000])
def test_forecast_gate_on_recorded_features_that_see_the_future_rings_the_alarm(
    recorded: Cells, ahead_ms: int
) -> None:
    assert _alarmed(_contest(recorded, ahead_ms))
    assert not _alarmed(_contest(recorded, 0))


@pytest.mark.parametrize("ahead_ms", [1_000, 2_000, 5_000])
def test_forecast_gate_on_features_that_see_a_tenth_of_the_horizon_rings_the_alarm(
    made_up: Cells, ahead_ms: int
) -> None:
    assert _alarmed(_contest(made_up, ahead_ms))


@pytest.mark.parametrize("ahead_ms", [300, 500])
def test_second_gate_of_a_leak_too_small_for_the_alarm_lets_nothing_through(
    made_up: Cells, ahead_ms: int
) -> None:
    assert not _alarmed(_contest(made_up, ahead_ms))
    contest = _contest(made_up, ahead_ms, live=True)
    graded, size = contest.graded, len(contest.graded)
    verdict = judge_shadow_forecasts(
        PairedForecasts(
            graded.decided_ms,
            np.full(size, "BTCUSDT"),
            graded.returns_bp,
            graded.moves_bp,
            contest.answers[CHALLENGER],
            contest.answers[RIVAL],
        ),
        CHALLENGER,
        RIVAL,
        least=10,
    )
    assert isinstance(verdict, Verdict)
    assert "R² gained on it" in verdict.objections
