"""How signal models are judged, chosen, calibrated and given a threshold."""

from dataclasses import replace

import numpy as np
import pytest

from inference.artefacts.signal_manifest import TouchTimes
from market.candles.series import Floats
from market.candles.timeframes import Timeframe
from tests.made_candles import market
from training.alarms import signal_alarms
from training.criteria import Choice
from training.signals.calibration import fit_temperature, fit_threshold, tempered
from training.signals.datasets import build
from training.signals.gate import Contest, best_baseline, decide
from training.signals.judging import Judged, calibration_error, compare, judge
from training.signals.labels import LONG, NO_TRADE, SHORT
from training.signals.touch_times import covered, touch_times
from training.significance import Comparison, Estimate

COINS, STEPS = 3, 800
PRIOR = np.array([0.35, 0.3, 0.35])


def _judged(seed: int = 0) -> Judged:
    draws = np.random.default_rng(seed)
    step = np.repeat(np.arange(STEPS), COINS)
    label = draws.choice(3, len(step), p=PRIOR)
    minutes = np.where(label == NO_TRADE, np.nan, 60.0)
    atr_ratio = draws.uniform(0.01, 0.05, len(step))
    prior = np.tile(PRIOR, (len(step), 1))
    return Judged(Timeframe.H1, step * 3_600_000, step, label, atr_ratio, minutes, prior)


def _leaning(judged: Judged, strength: float) -> Floats:
    answers = (1 - strength) * judged.prior + strength * np.eye(3)[judged.label]
    shares: Floats = answers / answers.sum(axis=1, keepdims=True)
    return shares


def test_judge_of_the_prior_has_no_skill_no_p_and_no_direction() -> None:
    judged = _judged()
    judgement = judge("prior", judged.prior, judged)
    assert judgement.log_loss_skill.value == 0
    assert judgement.dm_p is None
    assert (judgement.log_loss_skill.lower, judgement.log_loss_skill.upper) == (None, None)
    assert judgement.touch_skill.value == 0
    assert judgement.touch_share is None
    assert judgement.direction_given_touch.value is None
    assert judgement.accuracy.value == pytest.approx((judged.label != NO_TRADE).mean() / 2)


def test_judge_of_the_prior_from_a_float32_graph_has_exactly_no_skill() -> None:
    judged = _judged()
    served = judged.prior.astype(np.float32).astype(np.float64) * (1 + 3e-8)
    judgement = judge("prior", served, judged)
    for skill in (judgement.log_loss_skill, judgement.touch_skill):
        assert (skill.value, skill.lower, skill.upper) == (0, None, None)


def test_judge_of_touch_alone_says_that_all_of_the_gain_is_touch() -> None:
    judged = _judged()
    touch = judged.prior.copy()
    none = judged.label == NO_TRADE
    touch[:, NO_TRADE] = np.where(none, 0.4, 0.2)
    touch[:, SHORT] = touch[:, LONG] = (1 - touch[:, NO_TRADE]) / 2
    assert judge("model", touch, judged).touch_share == pytest.approx(1)
    right = np.full_like(judged.prior, 0.3)
    right[np.arange(len(none)), np.where(none, LONG, judged.label)] = 0.4
    directed = judge("model", right, judged).touch_share
    assert directed is not None
    assert directed < 0.05


def test_judge_of_a_model_that_knows_something_tells_how_much() -> None:
    judged = _judged()
    judgement = judge("model", _leaning(judged, 0.1), judged)
    assert judgement.log_loss_skill.value == pytest.approx(0.2, abs=0.05)
    assert judgement.dm_p is not None
    assert judgement.dm_p < 1e-6
    assert judgement.direction_given_touch.value == 1
    assert judgement.log_loss_skill.n_eff is not None
    assert judgement.log_loss_skill.n_eff <= len(judged.label) / 12
    assert len(judgement.block_skills) == 6
    assert min(judgement.tercile_skills) > 0


def test_judge_of_the_top_decile_takes_the_surest_directions() -> None:
    judged = _judged()
    answers = np.tile([0.3, 0.3, 0.4], (len(judged.label), 1))
    sure = np.arange(0, len(answers), 20)
    answers[sure] = np.where(judged.label[sure, None] == SHORT, [0.6, 0.2, 0.2], [0.2, 0.2, 0.6])
    judgement = judge("model", answers, judged)
    assert judgement.direction_given_touch.value == pytest.approx(0.5, abs=0.1)
    top = judgement.top_decile_direction
    assert top.value is not None
    assert top.value > 0.4


def test_calibration_error_of_a_constant_answer_is_its_distance_from_the_shares() -> None:
    label = np.repeat([SHORT, NO_TRADE, LONG], 100)  # one mood of the market after another
    answers = np.tile([0.5, 0.25, 0.25], (300, 1))
    assert calibration_error(label, answers) == pytest.approx((1 / 6 + 1 / 12 + 1 / 12) / 3)


def test_calibration_error_of_answers_that_come_true_is_small() -> None:
    draws = np.random.default_rng(2)
    answers = draws.dirichlet([5, 5, 5], 40_000)
    label = (answers.cumsum(axis=1) < draws.uniform(size=(40_000, 1))).sum(axis=1)
    assert calibration_error(label, answers) < 0.01


def test_compare_of_equal_answers_tells_nothing() -> None:
    judged = _judged()
    assert compare(judged.prior + 1e-9, judged.prior, judged).p is None


def test_alarms_ring_past_the_limit_and_tell_chance_from_leak() -> None:
    unsure = Estimate(0.62, 0.5, 0.74, 100, 10, 5)
    sure = Estimate(0.09, 0.07, 0.11, 100, 10, 5)
    rung = signal_alarms({"direction_given_touch": unsure, "log_loss_skill": sure})
    assert len(rung) == 2
    assert "0.090 is above 0.05: look for a leak" in rung[0]
    assert "chance" in rung[1]
    calm = Estimate(0.02, 0.01, 0.03, 100, 10, 5)
    assert signal_alarms({"log_loss_skill": calm}) == []


def _foreseeing_touch(judged: Judged, strength: float) -> Floats:
    """Calibrated answers that know a little of whether a barrier is touched, never which."""
    draws = np.random.default_rng(8)
    none = judged.label == NO_TRADE
    by_chance = draws.uniform(size=len(none)) < PRIOR[NO_TRADE]
    guess = np.where(draws.uniform(size=len(none)) < strength, none, by_chance)
    given_none = strength * guess + (1 - strength) * PRIOR[NO_TRADE]
    given_side = (1 - given_none) / 2
    return np.column_stack([given_side, given_none, given_side])


def _contest(judged: Judged, **strengths: float) -> Contest:
    answers = {name: _foreseeing_touch(judged, strength) for name, strength in strengths.items()}
    return Contest(judged, answers, {n: judge(n, one, judged) for n, one in answers.items()})


def _verdict(walk_forward: Contest, final: Contest) -> Choice:
    answers = walk_forward.answers

    def against(one: str, other: str) -> Comparison:
        return compare(answers[one], answers[other], walk_forward.judged)

    champion = best_baseline(walk_forward, against, ("simple", "trees"))
    return decide("network", champion, ("simple", "trees"), walk_forward, final)


def test_gate_with_a_better_network_serves_it() -> None:
    rivals = _contest(_judged(), simple=0.0, trees=0.1, network=0.25)
    choice = _verdict(rivals, _contest(_judged(1), simple=0.0, trees=0.1, network=0.25))
    assert choice.objections == ()
    assert choice.served == "network"
    assert choice.best_baseline == "trees"
    assert len(choice.criteria) == 8
    assert choice.verdict.n_eff is not None


@pytest.mark.parametrize(
    ("strengths", "final", "objection"),
    [
        ({"trees": 0.25, "network": 0.1}, {}, "log-loss below every baseline's"),
        ({"trees": 0.1, "network": 0.11}, {}, "log-loss gained on it"),
        (
            {"trees": 0.1, "network": 0.25},
            {"trees": 0.25, "network": 0.1},
            "log-loss gained on the final test",
        ),
    ],
)
def test_gate_with_a_failed_criterion_serves_the_best_baseline(
    strengths: dict[str, float], final: dict[str, float], objection: str
) -> None:
    rivals = _contest(_judged(), simple=0.0, **strengths)
    verdict = _verdict(rivals, _contest(_judged(1), simple=0.0, **(final or strengths)))
    assert verdict.served == "trees"
    assert objection in verdict.objections


@pytest.mark.parametrize("leaking", [0, 1])
def test_gate_with_a_network_that_knows_too_much_stops_it(leaking: int) -> None:
    parts = [_contest(_judged(seed), simple=0.0, trees=0.1, network=0.25) for seed in (0, 1)]
    leak = {"network": _leaning(parts[leaking].judged, 0.1)}
    parts[leaking] = replace(parts[leaking], answers={**parts[leaking].answers, **leak})
    alarms = [one for one in _verdict(*parts).objections if one.startswith("leak alarms: ")]
    assert ["final test: log_loss_skill" in one for one in alarms] == [bool(leaking)]


def test_gate_with_no_baseline_beyond_chance_keeps_the_simplest() -> None:
    judged = _judged()
    rivals = _contest(judged, simple=0.0, trees=0.0, network=0.0)
    noise = 0.02 * np.random.default_rng(9).standard_normal((len(judged.label), 3))
    luck = tempered(judged.prior + noise - noise.mean(axis=1, keepdims=True), 1.0)
    answers = {**rivals.answers, "trees": luck}
    changed = Contest(judged, answers, {n: judge(n, one, judged) for n, one in answers.items()})
    assert _verdict(changed, changed).best_baseline == "simple"


def test_gate_with_a_network_worse_in_one_tercile_refuses_it() -> None:
    judged = _judged()
    rivals = _contest(judged, simple=0.0, trees=0.2, network=0.4)
    answers = dict(rivals.answers)
    wild = judged.terciles == 2
    answers["network"] = np.where(wild[:, None], judged.prior, answers["network"])
    changed = Contest(judged, answers, {n: judge(n, one, judged) for n, one in answers.items()})
    verdict = _verdict(changed, changed)
    assert verdict.objections == ("loss in its worst volatility tercile",)
    assert verdict.served == "trees"


def test_temperature_of_too_sure_answers_is_above_one() -> None:
    judged = _judged()
    sure = tempered(_leaning(judged, 0.02), 0.3)
    noise = np.random.default_rng(3).permutation(len(sure))
    temperature = fit_temperature(judged.label, sure[noise], judged.step)
    assert temperature > 1.1


def test_temperature_of_a_few_days_stays_near_one() -> None:
    judged = _judged()
    few = judged.step < 36
    answers = tempered(_leaning(judged, 0.0), 0.3)[few]
    assert fit_temperature(judged.label[few], answers, judged.step[few]) == pytest.approx(
        1, abs=0.2
    )


def _signals(won: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draws = np.random.default_rng(5)
    confidence = draws.uniform(0.35, 0.6, 6_000)
    answers = np.column_stack([(1 - confidence) / 2, (1 - confidence) / 2, confidence])
    # Below 0.5 a signal wins and loses alike; above, it wins by `won`.
    chance = np.where(confidence > 0.5, won, 0.48)
    label = np.where(draws.uniform(size=6_000) < chance, LONG, SHORT)
    return label, answers, np.arange(6_000) // 100


def test_threshold_is_where_the_kept_signals_win() -> None:
    threshold = fit_threshold(*_signals(0.75))
    assert threshold.proven
    assert threshold.lower is not None
    assert threshold.lower > 0.5
    assert threshold.value < 0.5


def test_threshold_without_any_winning_probability_is_the_top_decile() -> None:
    label, answers, blocks = _signals(0.45)
    threshold = fit_threshold(label, answers, blocks)
    assert not threshold.proven
    assert threshold.value == pytest.approx(np.quantile(answers[:, LONG], 0.9))


def test_threshold_of_a_model_without_direction_is_one() -> None:
    judged = _judged()
    threshold = fit_threshold(judged.label, judged.prior, judged.blocks)
    assert threshold.value == 1
    assert threshold.kept == 0


def _table(label: list[int], candles: list[float]) -> TouchTimes:
    source = market(("AAAUSDT",), 400, timeframe=Timeframe.H1)
    dataset = build(source, ("AAAUSDT",), Timeframe.H1)
    count = len(dataset) // len(label) * len(label)
    dataset = replace(
        dataset.take(np.arange(count)),
        label=np.tile(label, count // len(label)),
        touch_candles=np.tile(candles, count // len(label)),
        touch_minutes=60 * np.tile(candles, count // len(label)),
    )
    table = touch_times(dataset, np.arange(count))
    inside, errors = covered(table, dataset, np.arange(count))
    assert len(inside) == np.isfinite(dataset.touch_minutes).sum()
    assert (errors >= 0).all()
    return table


def test_touch_times_of_one_candle_lie_within_it() -> None:
    table = _table([LONG, NO_TRADE], [3.0, np.nan])
    for hazard in table.long:
        assert (hazard.low, hazard.median, hazard.high) == pytest.approx((126, 150, 174))
        assert hazard.n > 0


def test_touch_times_without_a_touch_say_the_horizon() -> None:
    table = _table([LONG, NO_TRADE], [3.0, np.nan])
    for hazard in table.short:
        assert hazard.n == 0
        assert hazard.median == 720


def test_touch_times_of_both_directions_are_told_apart() -> None:
    table = _table([LONG, SHORT], [2.0, 8.0])
    assert all(hazard.median == pytest.approx(90) for hazard in table.long)
    assert all(hazard.median == pytest.approx(450) for hazard in table.short)
