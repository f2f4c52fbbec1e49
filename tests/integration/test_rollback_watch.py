"""A champion that loses is rolled back by the recorder's chore, once, and nobody else is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.test import Client
from pytest_django import Settings

from inference.artefacts.versions import Slot, VersionStore
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.models import Promotion, RollbackWatch
from predictions.models.retraining import Action
from predictions.promotion import standing
from predictions.promotion.e_process import THRESHOLD
from predictions.promotion.reigns import reigns
from predictions.promotion.rollback_chore import RollbackChore
from predictions.promotion.rollback_watch import Watch
from predictions.promotion.told_watches import ROLLBACK_FIELD, WatchesTold, decode_watches
from predictions.watching.retraining_troubles import retraining_troubles
from tests.integration.versions_ledger import VENUE, Floats, say_forecasts, say_signals
from tests.model_versions import add_version
from tests.shipped import SHIPPED as FORECASTER_VERSION

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unopened")]

FORECASTER = Slot(FORECASTS)
HOUR = Slot(SIGNALS, Timeframe.H1)
SHIPPED = {FORECASTER: FORECASTER_VERSION, HOUR: "v1.0.0-ea61952d"}
MARKET = MarketTime(VENUE, live=False, market_ms=0.0, wall_ms=0.0, speed=0.0)
TICKS_A_MINUTE, COUNTED = 30, 10
ENOUGH = 62
"""Minutes after which a champion that is always wrong has gone."""
BY: dict[str, Any] = {"by": "ann", "why": "a test"}


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    return VersionStore(tmp_path)


@pytest.fixture
def raw(redis_url: str, clean_redis: Any) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def promoted(store: VersionStore, slot: Slot, *versions: str, venue: str = "") -> None:
    for version in versions:
        folder = add_version(store, slot, version)
        standing.register(slot, folder, origin="trained", venue=venue)
        standing.promote(slot, version, **BY)


def a_chore(client: redis.Redis, store: VersionStore, market: MarketTime = MARKET) -> RollbackChore:
    return RollbackChore(client, lambda: market, store.folder(FORECASTER, "x").parents[2], 10_000)


def run(chore: RollbackChore) -> WatchesTold:
    while chore.run():
        pass
    told = decode_watches(chore.client.hget(keys.retraining(), ROLLBACK_FIELD))
    assert told is not None
    return told


def say(minutes: range, worse: str, better: str, *, seed: int = 3) -> None:
    """One version says the opposite of what comes, the other some of it, ten ticks a minute."""
    ticks = [minute * TICKS_A_MINUTE + tick for minute in minutes for tick in range(COUNTED)]
    random = np.random.default_rng(seed)
    came: Floats = random.choice((-1, 1), size=(len(ticks), 1)) * random.normal(3, 0.1)
    say_forecasts({worse: -0.5 * came, better: 0.2 * came}, came, symbols=("BTCUSDT",), ticks=ticks)


def test_chore_champion_that_loses_is_rolled_back_once_and_told(
    store: VersionStore, raw: redis.Redis
) -> None:
    promoted(store, FORECASTER, "v2")
    say(range(1), "v2", SHIPPED[FORECASTER])
    first = run(a_chore(raw, store))
    assert [(each.slot, each.rival, each.blocks) for each in first.watches] == [
        ("forecasts", SHIPPED[FORECASTER], 0)
    ]

    say(range(1, 30), "v2", SHIPPED[FORECASTER])
    assert run(a_chore(raw, store)).watches[0].highest < THRESHOLD
    assert store.champion(FORECASTER) == "v2"
    say(range(30, ENOUGH), "v2", SHIPPED[FORECASTER])
    told = run(a_chore(raw, store))
    again = run(a_chore(raw, store))

    assert store.champion(FORECASTER) == SHIPPED[FORECASTER]
    (done,) = Promotion.objects.filter(action=Action.ROLLBACK)
    assert done.by == "rollback watch"
    assert done.figures["e_value"] >= THRESHOLD
    assert done.figures["rival"] == SHIPPED[FORECASTER]
    assert f"loses to {SHIPPED[FORECASTER]}" in done.why
    assert [(each.version, each.to) for each in told.rolled_back] == [("v2", SHIPPED[FORECASTER])]
    assert again.rolled_back == told.rolled_back
    alerts = list(retraining_troubles(told, now_ms=told.made_ms))
    assert [(each.code, each.subject) for each in alerts] == [("model_rolled_back", "forecasts")]
    day_later = told.made_ms + 86_400_001
    assert not list(retraining_troubles(told, now_ms=day_later))
    shown = Client().get("/api/system").json()["alerts"]
    assert ("model_rolled_back", "forecasts") in [(one["code"], one["subject"]) for one in shown]


def test_chore_champion_that_is_better_stays(store: VersionStore, raw: redis.Redis) -> None:
    promoted(store, FORECASTER, "v2")
    say(range(1), SHIPPED[FORECASTER], "v2")
    run(a_chore(raw, store))
    say(range(1, ENOUGH), SHIPPED[FORECASTER], "v2")

    (watch,) = run(a_chore(raw, store)).watches

    assert watch.e_value < 1
    lines = Client().get("/metrics").content.decode().splitlines()
    named = f'rival="{SHIPPED[FORECASTER]}",slot="forecasts",venue="{VENUE}",version="v2"'
    assert f"rollback_e_value{{{named}}} {watch.e_value}" in lines
    assert watch.difference is not None and watch.difference < 0
    assert watch.blocks > 50
    assert store.champion(FORECASTER) == "v2"


def test_watch_cut_off_counts_each_block_once(store: VersionStore, raw: redis.Redis) -> None:
    promoted(store, FORECASTER, "v2")
    say(range(1), "v2", SHIPPED[FORECASTER])
    run(a_chore(raw, store))
    say(range(1, 30), "v2", SHIPPED[FORECASTER])
    (reign,) = reigns(store.folder(FORECASTER, "x").parents[2], MARKET)
    one, other = (Watch(reign, MARKET, 10_000) for _ in range(2))
    counting, late = one.count(), other.count()

    next(counting)
    next(late)  # has read what the first had stored, and goes on from there
    for _ in counting:
        pass
    list(late)
    cut = RollbackWatch.objects.get()

    RollbackWatch.objects.all().delete()
    run(a_chore(raw, store))
    RollbackWatch.objects.update(through_ms=cut.through_ms // 3_600_000 * 3_600_000 + 60_000)
    run(a_chore(raw, store))
    whole = RollbackWatch.objects.get()
    assert (cut.through_ms, cut.blocks, cut.decisions) == (
        whole.through_ms,
        whole.blocks,
        whole.decisions,
    )
    assert json.dumps(cut.bets) == json.dumps(whole.bets)


def test_chore_frozen_slot_is_told_and_not_changed(store: VersionStore, raw: redis.Redis) -> None:
    promoted(store, FORECASTER, "v2")
    standing.freeze(FORECASTER, **BY)
    say(range(1), "v2", SHIPPED[FORECASTER])
    run(a_chore(raw, store))
    say(range(1, ENOUGH), "v2", SHIPPED[FORECASTER])

    told = run(a_chore(raw, store))

    assert store.champion(FORECASTER) == "v2"
    assert told.watches[0].standing == "frozen"
    alerts = list(retraining_troubles(told, now_ms=told.made_ms))
    assert [(each.code, each.subject) for each in alerts] == [("model_loses", "forecasts")]
    standing.unfreeze(FORECASTER, **BY)
    run(a_chore(raw, store))
    assert store.champion(FORECASTER) == SHIPPED[FORECASTER]


def test_chore_nothing_before_the_champion_is_held_against_no_change(
    store: VersionStore, raw: redis.Redis
) -> None:
    promoted(store, FORECASTER, "v2")
    standing.roll_back(FORECASTER, **BY)
    shipped = SHIPPED[FORECASTER]
    say(range(1), shipped, "v9")
    (watch,) = run(a_chore(raw, store)).watches
    assert (watch.version, watch.rival) == (shipped, "no change")
    say(range(1, ENOUGH), shipped, "v9")

    (watch,) = run(a_chore(raw, store)).watches

    assert watch.standing == "nothing_before"
    assert store.champion(FORECASTER) == shipped


def test_chore_previous_version_that_is_silent_is_no_rival(
    store: VersionStore, raw: redis.Redis
) -> None:
    promoted(store, FORECASTER, "v2")
    say(range(1), "v2", "v9")
    run(a_chore(raw, store))
    say(range(1, ENOUGH), "v2", "v9")

    run(a_chore(raw, store))

    assert store.champion(FORECASTER) == SHIPPED[FORECASTER]
    assert Promotion.objects.get(action=Action.ROLLBACK).figures["rival"] == "no change"


def test_chore_made_up_market_does_not_judge_what_learned_from_a_real_one(
    store: VersionStore, raw: redis.Redis
) -> None:
    promoted(store, FORECASTER, "v2", venue="binance")
    say(range(1), "v2", SHIPPED[FORECASTER])

    assert run(a_chore(raw, store)).watches == ()


def test_chore_nothing_promoted_has_nothing_to_watch(store: VersionStore, raw: redis.Redis) -> None:
    say(range(1), SHIPPED[FORECASTER], "v9")

    assert run(a_chore(raw, store)).watches == ()
    assert not RollbackWatch.objects.exists()


@pytest.mark.parametrize("trial", [True, False], ids=["previous", "class_shares"])
def test_chore_signal_champion_that_loses_is_rolled_back(
    store: VersionStore, raw: redis.Redis, trial: bool
) -> None:
    promoted(store, HOUR, "v2", "v3")
    if not trial:
        store.set_shadows(HOUR, ())
    random = np.random.default_rng(4)

    def say_days(days: range) -> None:
        closes = [day * 24 + candle for day in days for candle in range(4)]
        labels = random.integers(0, 3, size=(len(closes), 1))
        right, wrong = np.full((2, len(closes), 1, 3), 0.3)
        np.put_along_axis(right, labels[:, :, None], 0.4, axis=2)
        wrong += 0.1
        np.put_along_axis(wrong, labels[:, :, None], 0.2, axis=2)
        said = {"v3": wrong, "v2": right}
        say_signals(said, labels, symbols=("BTCUSDT",), closes=closes, champion="v3")

    say_days(range(1))
    (watch,) = run(a_chore(raw, store)).watches
    assert watch.rival == ("v2" if trial else "class shares")
    say_days(range(1, ENOUGH))
    run(a_chore(raw, store))

    assert store.champion(HOUR) == "v2"
