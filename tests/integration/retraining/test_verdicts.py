"""A challenger that is no better leaves with its criteria, whichever gate refuses it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings

from inference.artefacts.versions import VersionStore
from predictions.models.retraining import RunState, RunStep, VersionState
from predictions.promotion import standing
from predictions.promotion.criteria import Criterion, Stage, Verdict, to_records
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.retraining.challengers import (
    HOUR,
    SLOT,
    TICKS,
    Quick,
    broken_off,
    gone_on,
    on_trial,
    say,
)
from tests.integration.versions_ledger import say_signals
from tests.shipped import SHIPPED
from training.pipeline.engines import Judged
from training.pipeline.signals import SignalEngine
from training.pipeline.trials import DAY_MS
from training.shadow_gate import Undecided

pytestmark = pytest.mark.django_db


def test_challenger_that_the_first_gate_refuses_is_rejected_with_every_criterion_in_its_row(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    asked_of_it = (
        Criterion("R² gained on it", 0.031, ">= 0.002", True),
        Criterion("leak alarms: R² +0.205 is above 0.12: look for a leak", 1.0, "none", False),
    )
    verdict = Verdict(Stage.OUT_OF_SAMPLE, "v9", SHIPPED, asked_of_it, n=833, n_eff=166.6)

    class Refused(Quick):
        def against_champion(self, *given: Any) -> Judged:
            return Judged(verdict, {"every": {"n": 833}, "later": None})

    at(FIRST_TICK_MS)
    run = broken_off(store, RunStep.GATE)
    gone_on(Refused())

    run.refresh_from_db()
    kept = run.verdicts.get()
    assert (run.state, kept.passed, kept.n, kept.n_eff) == (RunState.REJECTED, False, 833, 166.6)
    assert kept.criteria == to_records(asked_of_it)
    assert kept.version is not None
    assert kept.version.state == VersionState.REJECTED
    assert "leak alarms: R²" in run.message
    assert run.metrics["against_champion"] == {"every": {"n": 833}, "later": None}
    assert store.shadows(SLOT) == {}


def test_challenger_that_is_no_better_on_trial_is_rejected_with_its_criteria(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    run = on_trial(store)
    say("v9", skill=0.0)
    at(FIRST_TICK_MS + DAY_MS)

    gone_on()

    run.refresh_from_db()
    verdict = run.verdicts.get(stage=Stage.SHADOW)
    assert (run.state, verdict.passed, verdict.n) == (RunState.REJECTED, False, TICKS)
    failed = {one["name"] for one in verdict.criteria if not one["passed"]}
    assert {"R² gained on it", f"Diebold-Mariano p against {SHIPPED}"} <= failed
    assert (store.champion(SLOT), store.shadows(SLOT)) == (None, {})


def test_signals_that_are_no_better_on_trial_are_rejected_with_their_criteria(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    class Few(SignalEngine):
        least_in_shadow = 30.0

    settings.SHADOW_DAYS_SIGNALS = 20.0
    at(FIRST_TICK_MS)
    run = on_trial(store, HOUR)
    served = standing.champion_version(HOUR)
    random = np.random.default_rng(4)
    shares = random.dirichlet((20, 30, 20), size=(2, 300, 2))
    labels = random.choice(3, size=(300, 2), p=(0.3, 0.4, 0.3))
    say_signals({served: shares[0], "v9": shares[1]}, labels, champion=served)
    at(FIRST_TICK_MS + 20 * DAY_MS)

    gone_on(Few(HOUR))

    run.refresh_from_db()
    verdict = run.verdicts.get(stage=Stage.SHADOW)
    assert (run.state, verdict.passed, verdict.n) == (RunState.REJECTED, False, 600)
    assert f"Diebold-Mariano p against {served}" in run.message
    assert store.shadows(HOUR) == {}


def test_trial_with_too_few_decisions_is_prolonged_twice_and_then_given_up(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    run = on_trial(store)
    say("v9", skill=1.0, ticks=21)
    ended = []
    for day in (1, 2, 3):
        at(FIRST_TICK_MS + day * DAY_MS)
        gone_on()
        run.refresh_from_db()
        ended.append((run.state, run.metrics["trial"]["prolonged"]))

    assert ended == [(RunState.ON_TRIAL, 1), (RunState.ON_TRIAL, 2), (RunState.REJECTED, 2)]
    assert "too few decisions" in run.message
    assert store.shadows(SLOT) == {}


def test_challenger_whose_trial_cannot_be_judged_does_not_stay_on_trial(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    class Broken(Quick):
        def in_shadow(self, *given: Any) -> Verdict | Undecided:
            raise RuntimeError("the disk is on fire")

    at(FIRST_TICK_MS)
    run = on_trial(store)
    at(FIRST_TICK_MS + DAY_MS)
    gone_on(Broken())

    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.version is not None
    assert (run.version.state, store.shadows(SLOT)) == (VersionState.RETIRED, {})
