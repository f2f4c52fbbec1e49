"""The gate: who is served, and that every condition can refuse."""

from dataclasses import replace

import numpy as np
import pytest

from training.decisions import Decisions, decide
from training.gate import Verdict, best_baseline, better_blocks, decide_served
from training.judging import Judgement, judge
from training.significance import Comparison
from training.synthetic import synthetic_cells

NAMES = ("zero", "simple", "ridge", "network")
SKILLS = {"zero": 0.0, "simple": 0.02, "ridge": 0.021, "network": 0.05}


@pytest.fixture(scope="module")
def template() -> Judgement:
    decisions: Decisions = decide([synthetic_cells(minutes=5, seed=1)])
    prior = np.array([0.4, 0.2, 0.4])
    zeros = np.zeros((len(decisions), 3))
    answers = np.concatenate([zeros, np.tile(prior, (len(decisions), 1))], axis=1)
    return judge("zero", answers, prior, decisions)


def _judged(template: Judgement, **skills: float) -> dict[str, Judgement]:
    return {
        name: replace(template, name=name, r2=replace(template.r2, value=skill))
        for name, skill in {**SKILLS, **skills}.items()
    }


def _comparison(p: float | None = 0.001, statistic: float | None = 3.0) -> Comparison:
    return Comparison(gain=1.0, statistic=statistic, p=p, n=100)


def _decide(
    template: Judgement,
    *,
    judged: dict[str, float] | None = None,
    final: dict[str, float] | None = None,
    p: float | None = 0.001,
    better: int = 5,
) -> Verdict:
    comparisons = {name: _comparison(p) for name in NAMES if name != "network"}
    return decide_served(
        "network",
        _judged(template, **(judged or {})),
        _judged(template, **(final or {})),
        comparisons,
        better,
        "simple",
    )


def test_decide_served_with_a_network_that_passes_serves_it(template: Judgement) -> None:
    verdict = _decide(template)
    assert verdict.served == "network"
    assert verdict.objections == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"judged": {"ridge": 0.06}}, "ridge"),
        ({"judged": {"network": 0.0215}}, "0.002"),
        ({"p": 0.02}, "0.020"),
        ({"p": None}, "unknown"),
        ({"better": 3}, "3 of 6"),
        ({"final": {"network": 0.01}}, "final test"),
    ],
)
def test_decide_served_with_one_condition_unmet_serves_the_baseline_and_says_why(
    template: Judgement, change: dict[str, object], word: str
) -> None:
    verdict = _decide(template, **change)  # type: ignore[arg-type]
    assert verdict.served == "simple"
    assert any(word in objection for objection in verdict.objections)


@pytest.mark.parametrize(
    ("statistic", "expected"), [(0.5, "simple"), (None, "simple"), (2.5, "ridge")]
)
def test_best_baseline_prefers_the_simplest_within_one_standard_error(
    template: Judgement, statistic: float | None, expected: str
) -> None:
    found = best_baseline(
        _judged(template), lambda *_: _comparison(statistic=statistic), ("simple", "ridge")
    )
    assert found == expected


def test_better_blocks_counts_stretches_of_time() -> None:
    elapsed = np.linspace(0, 1, 600)
    returns = np.ones(600)
    model = np.where(elapsed < 0.5, 0.9, 0.0)
    assert better_blocks(returns, model, np.full(600, 0.5), elapsed) == 3
