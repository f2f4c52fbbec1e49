"""Challengers of both engines against the champion, which is asked on the same decisions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.artefacts.registry import LoadedModel
from predictions.promotion.criteria import Stage, Verdict
from training.against_champion import champion_answers, judge_against_champion, open_champion
from training.criteria import Choice
from training.decisions import Decisions, decide
from training.evaluation import Floats, squared_errors
from training.fitting import MICROPRICE_LINEAR, NETWORK, RIDGE, UNCHANGED
from training.gate import LEAST_N_EFF
from training.protocol import Outcome, Trial
from training.splitting import forecast_splits
from training.superiority import Trials
from training.synthetic import synthetic_cells

MODELS = Path(__file__).parents[2] / "models"
SHIPPED = MODELS / "btc_predictor_v1.onnx"
YEAR_MS = 365 * 86_400_000


@pytest.fixture(scope="module")
def champion() -> LoadedModel:
    return open_champion(SHIPPED)


@pytest.fixture(scope="module")
def earlier() -> Decisions:
    """Decisions of a market before the shipped model's data."""
    return decide([synthetic_cells(minutes=240, seed=3, signal=0.0)], step_ms=2_000)


@pytest.fixture(scope="module")
def later(earlier: Decisions) -> Decisions:
    return replace(earlier, decided_ms=earlier.decided_ms + 2 * YEAR_MS)


def _outcome(decisions: Decisions, served: str = NETWORK, skill: float = 0.06) -> Outcome:
    """The protocol's outcome as if the network had foreseen a share of the variance."""
    splits = forecast_splits(decisions)
    tested = np.any([fold.test for fold in splits.folds], axis=0)
    skills = {UNCHANGED: 0.0, MICROPRICE_LINEAR: 0.005, RIDGE: 0.006, NETWORK: skill}
    parts = []
    for rows in (tested, splits.final.test):
        part = decisions.take(rows)
        answers = {name: _knowing(part, share) for name, share in skills.items()}
        parts.append(Trial(part, answers, np.full((len(part), 3), 1 / 3)))
    verdict = Verdict(Stage.OUT_OF_SAMPLE, NETWORK, RIDGE, (), 0)
    return Outcome(parts[0], parts[1], {}, {}, 0, 0, 0, Choice(served, RIDGE, verdict), ())


def _knowing(decisions: Decisions, skill: float) -> Floats:
    draws = np.random.default_rng(round(1e4 * skill))
    spread = np.sqrt(skill * (1 - skill)) * decisions.returns_bp.std()
    said = skill * decisions.returns_bp + spread * draws.standard_normal(len(decisions))
    reach = 1.645 * decisions.returns_bp.std()
    shares = np.bincount(decisions.classes, minlength=3) / len(decisions)
    return np.column_stack([said, said - reach, said + reach, np.tile(shares, (len(said), 1))])


def test_champion_answers_are_those_of_the_served_network(
    champion: LoadedModel, earlier: Decisions
) -> None:
    answers = champion_answers(champion, earlier.features)
    assert answers.shape == (len(earlier), 6)
    assert np.allclose(answers[:, 3:].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(answers[:7], champion_answers(champion, earlier.features[:7]), atol=1e-6)


def test_against_champion_before_its_data_is_judged_on_all_decisions(
    champion: LoadedModel, earlier: Decisions
) -> None:
    outcome = _outcome(earlier)
    found = judge_against_champion(outcome, champion, version="v2")
    assert found.later is None
    verdict = found.deciding
    assert verdict.objections == ()
    assert (verdict.challenger, verdict.against) == ("v2", champion.version)
    assert verdict.n == len(outcome.walk_forward.decisions)
    names = [one.name for one in verdict.criteria]
    assert names[0] == "R² above every baseline's"
    assert names[1] == f"Diebold-Mariano p against {champion.version}"
    assert names[-1] == "R² gained on the final test"
    assert found.to_record()["later"] is None


def test_against_champion_on_later_decisions_they_alone_decide(
    champion: LoadedModel, later: Decisions
) -> None:
    outcome = _outcome(later)
    found = judge_against_champion(outcome, champion, version="v2")
    assert found.later is not None
    assert found.deciding is found.later
    assert found.later.n == len(outcome.walk_forward.decisions) + len(outcome.final.decisions)
    assert (found.later.n_eff or 0) >= LEAST_N_EFF
    assert found.later.passed


def test_against_champion_on_later_decisions_the_final_test_may_veto(
    champion: LoadedModel, later: Decisions
) -> None:
    outcome = _outcome(later, skill=0.10)
    worse = {name: one.copy() for name, one in outcome.final.answers.items()}
    worse[NETWORK][:, 0] *= -1
    outcome = replace(outcome, final=replace(outcome.final, answers=worse))
    found = judge_against_champion(outcome, champion, version="v2")
    assert found.deciding is found.later
    assert "R² gained on the final test" in found.deciding.objections


def test_against_champion_of_one_of_several_variants_counts_the_final_test_alone_as_later(
    champion: LoadedModel, later: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.against_champion.LEAST_N_EFF", 100)
    outcome = _outcome(later)
    tested = outcome.walk_forward
    others = Trials([squared_errors(tested.decisions.returns_bp, tested.answers[RIDGE][:, 0])])
    found = judge_against_champion(outcome, champion, version="v2", trials=others)
    assert found.every.criteria[1].name == f"SPA p of 2 trials against {champion.version}"
    assert found.later is not None
    assert found.later.n == len(outcome.final.decisions)
    assert found.later.criteria[1].name.startswith("Diebold-Mariano")


def test_against_champion_of_a_baseline_asks_not_that_it_beats_the_others(
    champion: LoadedModel, earlier: Decisions
) -> None:
    found = judge_against_champion(_outcome(earlier, RIDGE), champion, version="v2")
    assert found.every.criteria[0].name.startswith("Diebold-Mariano")
