"""The forecasts' gate: who is served, and that every condition can refuse."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from market.hot.vector import TICK_MS
from training.criteria import Choice
from training.decisions import Decisions, decide
from training.evaluation import Floats
from training.gate import Contest, Graded, best_baseline, between, decide_served
from training.judging import Judgement, judge
from training.significance import Comparison
from training.splits import Mask
from training.superiority import Trials
from training.synthetic import synthetic_cells

N = 3_000
START_MS = 1_700_000_000_000
REACH = 1.645


def _graded(seed: int = 0) -> Graded:
    draws = np.random.default_rng(seed)
    moves = draws.uniform(0.5, 2.0, N)
    returns = moves * draws.standard_normal(N)
    return Graded(START_MS + TICK_MS * np.arange(N), returns, moves, np.linspace(0, 1, N))


def _knowing(graded: Graded, skill: float, *, seed: int, reach: float = REACH) -> Floats:
    """Forecasts that see a share of the variance of what comes, [n, 6]."""
    draws = np.random.default_rng(seed)
    noise = graded.moves_bp * draws.standard_normal(len(graded))
    said = skill * graded.returns_bp + np.sqrt(skill * (1 - skill)) * noise
    up = 0.5 + 0.1 * np.sign(said)
    flat = np.zeros(len(graded))
    edges = [said - reach * graded.moves_bp, said + reach * graded.moves_bp]
    return np.column_stack([said, *edges, up, flat, 1 - up])


def _contest(seed: int = 0, skills: Mapping[str, float] = {}, *, reach: float = REACH) -> Contest:
    graded = _graded(seed)
    told = {"simple": 0.01, "ridge": 0.011, "network": 0.05} | dict(skills)
    answers = {
        name: _knowing(graded, skill, seed=seed + 7 * number, reach=reach)
        for number, (name, skill) in enumerate(told.items(), 1)
    }
    return Contest(graded, answers)


def _decide(walk_forward: Contest, final: Contest | None = None) -> Choice:
    return decide_served("network", "simple", walk_forward, final or _contest(100))


def test_decide_served_with_a_network_that_passes_serves_it() -> None:
    choice = _decide(_contest())
    assert choice.objections == ()
    assert choice.served == "network"
    assert len(choice.criteria) == 9
    assert choice.verdict.n == N
    assert choice.verdict.n_eff is not None
    assert choice.verdict.n_eff <= N / 5


@pytest.mark.parametrize(
    ("skills", "objection"),
    [
        ({"ridge": 0.08}, "R² above every baseline's"),
        ({"network": 0.001}, "R² gained on it"),
        ({"network": 0.012}, "Diebold-Mariano p against simple"),
        ({"network": 0.3}, "leak alarms: R²"),
    ],
)
def test_decide_served_with_another_skill_serves_the_baseline_and_says_why(
    skills: dict[str, float], objection: str
) -> None:
    choice = _decide(_contest(0, skills))
    assert choice.served == "simple"
    assert any(one.startswith(objection) for one in choice.objections)


def _contrary(contest: Contest, rows: Mask) -> Contest:
    """The network says the opposite of what it knows on some rows."""
    spoiled = contest.answers["network"].copy()
    spoiled[:, 0] *= np.where(rows, -1.0, 1.0)
    return Contest(contest.graded, {**contest.answers, "network": spoiled})


def test_decide_served_with_a_network_worse_in_three_blocks_of_time_refuses_it() -> None:
    contest = _contest(0, {"network": 0.07})
    choice = _decide(_contrary(contest, contest.graded.elapsed < 0.5))
    assert "better of 6 time blocks" in choice.objections


def test_decide_served_with_a_network_worse_in_calm_markets_refuses_it() -> None:
    contest = _contest(0, {"network": 0.07})
    calm = contest.graded.moves_bp < np.quantile(contest.graded.moves_bp, 1 / 3)
    choice = _decide(_contrary(contest, calm))
    assert choice.objections == ("loss in its worst volatility tercile",)


def test_decide_served_with_overconfident_probabilities_refuses_them() -> None:
    contest = _contest()
    answers = contest.answers["network"].copy()
    answers[:, 3] = 0.5 + 0.45 * np.sign(answers[:, 0])
    answers[:, 5] = 1 - answers[:, 3]
    changed = Contest(contest.graded, {**contest.answers, "network": answers})
    assert _decide(changed).objections == ("ECE above it",)


def test_between_with_a_rival_that_gives_no_probabilities_asks_for_calibration_itself() -> None:
    contest = _contest()
    mute = contest.answers["simple"].copy()
    mute[:, 1:] = np.nan
    answers = {"network": contest.answers["network"], "simple": mute}
    asked = between("network", "simple", Contest(contest.graded, answers))
    (ece,) = (one for one in asked if one.name.startswith("ECE"))
    assert (ece.name, ece.asked) == ("ECE, that of its rival unknown", "<= 0.03")
    assert ece.figure is not None
    assert all(one.passed for one in asked if one is not ece)


@pytest.mark.parametrize("reach", [1.2, 2.4])
def test_decide_served_with_an_interval_that_is_no_90_percent_refuses_it(reach: float) -> None:
    assert _decide(_contest(reach=reach)).objections == ("coverage of its 90 % interval",)


def test_decide_served_with_a_final_test_that_speaks_against_it_refuses_it() -> None:
    final = _contest(100, {"network": 0.001})
    assert _decide(_contest(), final).objections == ("R² gained on the final test",)


def test_decide_served_with_an_alarm_on_the_final_test_refuses_it() -> None:
    (objection,) = _decide(_contest(), _contest(100, {"network": 0.3})).objections
    assert objection.startswith("leak alarms: final test: R²")


def test_decide_served_with_volatility_unknown_does_not_pass() -> None:
    contest = _contest()
    blind = replace(contest.graded, moves_bp=np.full(N, np.nan))
    choice = _decide(Contest(blind, contest.answers))
    (failed,) = (one for one in choice.criteria if not one.passed)
    assert failed.figure is None


def test_decide_served_of_the_best_of_several_asks_spa_and_says_of_how_many() -> None:
    contest = _contest()
    returns = contest.graded.returns_bp
    draws = np.random.default_rng(5)
    others = [(returns - 0.1 * draws.standard_normal(N)) ** 2 for _ in range(4)]
    choice = decide_served("network", "simple", contest, _contest(100), Trials(others))
    assert choice.served == "network"
    assert choice.criteria[1].name == "SPA p of 5 trials against simple"
    with pytest.raises(ValueError, match="variant 1"):
        decide_served("network", "simple", contest, contest, Trials([returns[:9]]))


@pytest.fixture(scope="module")
def template() -> Judgement:
    decisions: Decisions = decide([synthetic_cells(minutes=5, seed=1)])
    prior = np.array([0.4, 0.2, 0.4])
    zeros = np.zeros((len(decisions), 3))
    answers = np.concatenate([zeros, np.tile(prior, (len(decisions), 1))], axis=1)
    return judge("zero", answers, prior, decisions)


@pytest.mark.parametrize(
    ("statistic", "expected"), [(0.5, "simple"), (None, "simple"), (2.5, "ridge")]
)
def test_best_baseline_prefers_the_simplest_within_one_standard_error(
    template: Judgement, statistic: float | None, expected: str
) -> None:
    judged = {
        name: replace(template, name=name, r2=replace(template.r2, value=skill))
        for name, skill in {"simple": 0.02, "ridge": 0.021}.items()
    }
    compared = Comparison(gain=1.0, statistic=statistic, p=0.001, n=100)
    assert best_baseline(judged, lambda *_: compared, ("simple", "ridge")) == expected
