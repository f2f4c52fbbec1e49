"""A challenger that may not be tried, or may not serve, yet: it waits."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from inference.artefacts.versions import VersionStore
from market import keys
from market.clock import MarketTime
from predictions.models.retraining import Origin, RunState, RunStep, TrainingRun
from predictions.promotion import standing
from predictions.promotion.criteria import Stage
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.retraining.challengers import (
    SLOT,
    TRIAL_DAYS,
    Quick,
    asked,
    broken_off,
    gone_on,
    on_trial,
    say,
)
from tests.integration.versions_ledger import VENUE
from tests.model_versions import MODELS, add_version, with_model_path
from tests.shipped import SHIPPED
from training.pipeline.dropping import drop
from training.pipeline.trials import DAY_MS, may_be_tried, unfinished

pytestmark = pytest.mark.django_db


def test_challenger_waits_for_a_market_and_is_tried_where_it_may_be_alone(
    store: VersionStore, at: Callable[[float, str], None], clean_redis: redis.Redis
) -> None:
    clean_redis.hset(keys.health("market"), "status", "feed_down")
    run = broken_off(store, RunStep.SHADOW)
    assert unfinished() == []
    asked(Quick())
    run.refresh_from_db()
    assert (run.state, store.shadows(SLOT)) == (RunState.RUNNING, {})
    assert "no market runs" in run.message

    at(FIRST_TICK_MS, "binance")
    gone_on()

    run.refresh_from_db()
    assert (run.state, store.shadows(SLOT)) == (RunState.REJECTED, {})
    assert f"learned from {VENUE} and may not be on trial in binance" in run.message
    standing.promote(SLOT, "v9", by="ann", why="a person may")


@pytest.mark.parametrize(
    ("learned", "venue", "live", "may"),
    [
        ("binance", "binance", True, True),
        ("binance", "kraken", True, True),
        ("binance", "external", True, True),
        ("binance", "simulated/7", False, False),
        ("simulated/7", "binance", True, False),
        ("replay/btc/3", "replay/btc/4", False, True),
        ("replay/btc/3", "replay/eth/4", False, False),
        ("replay/binance@127.0.0.1:9", "binance", True, False),
        ("", "simulated/7", False, True),
    ],
)
def test_versions_are_tried_in_markets_of_the_kind_that_they_learned_from(
    learned: str, venue: str, live: bool, may: bool
) -> None:
    assert may_be_tried(learned, MarketTime(venue, live, 0.0, 0.0, 1.0)) is may


def test_challenger_of_a_frozen_slot_waits_and_is_promoted_once_it_thaws(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    run = on_trial(store)
    say("v9", skill=1.0)
    standing.freeze(SLOT, by="ann", why="a test")
    at(FIRST_TICK_MS + DAY_MS)
    gone_on()
    run.refresh_from_db()
    assert (run.state, store.champion(SLOT)) == (RunState.ON_TRIAL, None)
    assert "frozen" in run.message
    assert unfinished() == []

    standing.unfreeze(SLOT, by="ann", why="a test")
    gone_on()

    run.refresh_from_db()
    assert (run.state, store.champion(SLOT)) == (RunState.PROMOTED, "v9")
    assert run.verdicts.filter(stage=Stage.SHADOW).count() == 1


def waiting(
    store: VersionStore, at: Callable[[float, str], None], frozen: bool = True
) -> TrainingRun:
    """Return a run whose challenger passed both gates and may not serve yet."""
    at(FIRST_TICK_MS, VENUE)
    run = on_trial(store)
    say("v9", skill=1.0)
    if frozen:
        standing.freeze(SLOT, by="ann", why="a test")
    at(FIRST_TICK_MS + DAY_MS, VENUE)
    gone_on()
    run.refresh_from_db()
    assert (run.state, run.step) == (RunState.ON_TRIAL, RunStep.PROMOTION)
    assert run.verdicts.get(stage=Stage.SHADOW).passed
    assert unfinished() == []
    return run


def test_challenger_that_waited_is_tried_anew_where_another_serves_by_then(
    store: VersionStore, at: Callable[[float, str], None]
) -> None:
    run = waiting(store, at)
    standing.register(SLOT, add_version(store, SLOT, "v7"), origin=Origin.IMPORTED)
    standing.promote(SLOT, "v7", by="ann", why="a person may")
    standing.unfreeze(SLOT, by="ann", why="a test")

    gone_on()

    run.refresh_from_db()
    assert (run.state, run.step) == (RunState.ON_TRIAL, RunStep.SHADOW)
    assert run.message.endswith(f"v7 serves forecasts, not {SHIPPED} any more")
    assert store.champion(SLOT) == "v7"
    until = run.metrics["trial"]["until_ms"]
    assert until == pytest.approx(FIRST_TICK_MS + (1 + TRIAL_DAYS) * DAY_MS, abs=2)
    assert unfinished() == []


def test_challenger_waits_while_the_configuration_names_what_serves(
    store: VersionStore, at: Callable[[float, str], None], settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    for file in MODELS.glob("btc_predictor_v1.*"):
        shutil.copy(file, tmp_path / "own")
    usual = settings.INFERENCE
    settings.INFERENCE = with_model_path(usual, str(tmp_path / "own" / "btc_predictor_v1.onnx"))
    run = waiting(store, at, frozen=False)
    assert "model.path" in run.message

    settings.INFERENCE = usual
    gone_on()

    run.refresh_from_db()
    assert (run.state, store.champion(SLOT)) == (RunState.PROMOTED, "v9")


def test_challenger_of_a_market_that_is_made_up_is_promoted_by_a_person_alone(
    store: VersionStore, at: Callable[[float, str], None]
) -> None:
    at(FIRST_TICK_MS, "simulated/7")
    run = broken_off(store, RunStep.SHADOW)
    TrainingRun.objects.update(venue="simulated/7")
    gone_on()
    say("v9", skill=1.0, venue="simulated/7")
    at(FIRST_TICK_MS + DAY_MS, "simulated/7")
    gone_on()

    run.refresh_from_db()
    assert run.verdicts.get(stage=Stage.SHADOW).passed
    assert (run.state, store.champion(SLOT), store.shadows(SLOT)) == (RunState.REJECTED, None, {})
    assert run.message.endswith("prices of simulated/7 are made up: promote it by hand")
    standing.promote(SLOT, "v9", by="ann", why="a person may")


def test_challenger_of_a_run_that_was_dropped_is_tried_when_it_is_made_again(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    first = on_trial(store)
    drop(first.pk, by="ann", why="not now")
    assert store.shadows(SLOT) == {}

    run = on_trial(store)

    assert run.pk != first.pk and run.version == first.version
    assert list(store.shadows(SLOT)) == ["v9"]
