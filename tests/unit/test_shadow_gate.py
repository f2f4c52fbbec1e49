"""The second gate: the first one's questions, asked of pairs out of the ledger."""

from dataclasses import replace

import numpy as np
import pytest

from market.candles.timeframes import Timeframe
from market.hot.vector import TICK_MS
from predictions.promotion.criteria import Stage, Verdict
from predictions.promotion.pairing import PairedForecasts, PairedSignals
from tests.simulated_rivals import CHALLENGER, RIVAL, Belief, forecasts, signals
from training.gate import between
from training.shadow_gate import Undecided, judge_shadow_forecasts, judge_shadow_signals
from training.signals import gate as signal_gate


@pytest.fixture(scope="module")
def forecast_pairs() -> PairedForecasts:
    draws = np.random.default_rng(2)
    contest, _ = forecasts(draws, 3_000, 2, Belief(more=0.07, error=0.0), Belief(error=0.0))
    graded = contest.graded
    return PairedForecasts(
        graded.decided_ms,
        np.tile(["BTCUSDT", "ETHUSDT"], 3_000),
        graded.returns_bp,
        graded.moves_bp,
        contest.answers[CHALLENGER],
        contest.answers[RIVAL],
    )


@pytest.fixture(scope="module")
def signal_pairs() -> PairedSignals:
    judged, answers = signals(np.random.default_rng(1), 1_500, 4, Belief(more=0.06), Belief())
    return PairedSignals(
        judged.decided_ms,
        np.tile(["A", "B", "C", "D"], 1_500),
        judged.label,
        judged.atr_ratio,
        answers[CHALLENGER],
        answers[RIVAL],
    )


def test_shadow_gate_of_a_better_forecaster_lets_it_through(
    forecast_pairs: PairedForecasts,
) -> None:
    verdict = judge_shadow_forecasts(forecast_pairs, "v2", "v1", least=500)
    assert isinstance(verdict, Verdict)
    assert verdict.objections == ()
    assert (verdict.stage, verdict.challenger, verdict.against) == (Stage.SHADOW, "v2", "v1")
    assert verdict.n == forecast_pairs.n
    names = [one.name for one in verdict.criteria]
    assert "coverage of its 90 % interval" in names
    assert not any("baseline" in name or "final test" in name for name in names)


def test_shadow_gate_with_too_few_independent_forecasts_decides_nothing(
    forecast_pairs: PairedForecasts,
) -> None:
    found = judge_shadow_forecasts(forecast_pairs, "v2", "v1")
    assert isinstance(found, Undecided)
    assert found.n == forecast_pairs.n
    assert found.n_eff is not None
    assert found.n_eff < found.asked == 20_000
    assert "20,000 are asked for" in found.why


def test_shadow_gate_without_any_pair_decides_nothing(
    forecast_pairs: PairedForecasts, signal_pairs: PairedSignals
) -> None:
    none = {
        name: getattr(forecast_pairs, name)[:0]
        for name in ("decided_ms", "symbol", "returns_bp", "moves_bp", "mine", "theirs")
    }
    found = judge_shadow_forecasts(PairedForecasts(**none), "v2", "v1")
    assert isinstance(found, Undecided)
    assert found.n_eff is None
    assert "unknown" in found.why
    empty = {
        name: getattr(signal_pairs, name)[:0]
        for name in ("decided_ms", "symbol", "label", "atr_ratio", "mine", "theirs")
    }
    assert isinstance(
        judge_shadow_signals(PairedSignals(**empty), Timeframe.H1, "v2", "v1"), Undecided
    )


def test_shadow_gate_of_ticks_thinned_out_counts_their_overlap(
    forecast_pairs: PairedForecasts,
) -> None:
    kept = forecast_pairs.decided_ms // TICK_MS % 4 == 0
    columns = {
        name: getattr(forecast_pairs, name)[kept]
        for name in ("decided_ms", "symbol", "returns_bp", "moves_bp", "mine", "theirs")
    }
    thinned = replace(PairedForecasts(**columns), every=4)
    verdict = judge_shadow_forecasts(thinned, "v2", "v1", least=100)
    assert isinstance(verdict, Verdict)
    assert verdict.n == kept.sum()
    assert verdict.n_eff is not None
    assert verdict.n / 5 < verdict.n_eff <= verdict.n / 1.25


def test_shadow_gate_with_features_pruned_does_not_pass(forecast_pairs: PairedForecasts) -> None:
    blind = replace(forecast_pairs, moves_bp=np.full(forecast_pairs.n, np.nan))
    verdict = judge_shadow_forecasts(blind, "v2", "v1", least=500)
    assert isinstance(verdict, Verdict)
    assert verdict.objections == ("loss in its worst volatility tercile",)


def test_shadow_gate_of_better_signals_lets_them_through(signal_pairs: PairedSignals) -> None:
    verdict = judge_shadow_signals(signal_pairs, Timeframe.H1, "v2", "v1")
    assert isinstance(verdict, Verdict)
    assert verdict.objections == ()
    assert len(verdict.criteria) == 6
    assert verdict.n_eff is not None
    assert verdict.n_eff >= signal_gate.LEAST_N_EFF


def test_shadow_gate_asks_what_the_first_gate_asks(forecast_pairs: PairedForecasts) -> None:
    verdict = judge_shadow_forecasts(forecast_pairs, CHALLENGER, RIVAL, least=500)
    draws = np.random.default_rng(2)
    contest, _ = forecasts(draws, 3_000, 2, Belief(more=0.07, error=0.0), Belief(error=0.0))
    assert isinstance(verdict, Verdict)
    assert verdict.criteria == between(CHALLENGER, RIVAL, contest)
