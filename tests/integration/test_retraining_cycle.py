"""The whole way of a challenger: from a recording to what serves, killed and gone on with."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
import redis
from pytest_django import Settings

from inference.artefacts.versions import SLOTS, Slot, VersionStore
from market import keys
from market.clock import MarketTime
from predictions.models.retraining import (
    Action,
    Origin,
    Promotion,
    RunState,
    RunStep,
    TrainingRun,
    Trigger,
    VersionState,
)
from predictions.promotion import standing
from predictions.promotion.criteria import Criterion, Stage, Verdict, to_records
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.versions_ledger import VENUE, say_forecasts, say_signals
from tests.made_recordings import write_recording
from tests.model_versions import MODELS, add_version, with_model_path
from tests.shipped import SHIPPED
from training.forecast_datasets import build
from training.pipeline.dropping import drop
from training.pipeline.engines import Engine, Found, Judged, Learned, Made, Told
from training.pipeline.forecasts import ForecastEngine
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.running import go_on, resume, retrain
from training.pipeline.shipping import ship_all
from training.pipeline.signals import SignalEngine
from training.pipeline.trials import DAY_MS, may_be_tried, unfinished
from training.shadow_gate import Undecided
from training.sufficiency import require_enough
from training.workplace import WorkplaceAwayError

pytestmark = pytest.mark.django_db

SLOT = SLOTS[0]
HOUR = SLOTS[2]
ORDER = SlotOrder(epochs=2)
TICKS = 1_200
TRIAL_DAYS = 0.05


class KilledError(BaseException):
    """As SIGKILL: no handler of the product's sees it."""


class Quick(ForecastEngine):
    """The product's engine, which a short ledger contents."""

    least_in_shadow = 200.0


Came = TypeVar("Came")


class Dying(Quick):
    """Dies once behind each step's work, before anything of it is noted. came: what that was."""

    def __init__(self) -> None:
        self.came: dict[str, Any] = {}

    def _once(self, step: str, came: Came) -> Came:
        if step not in self.came:
            self.came[step] = came
            raise KilledError
        return came

    def learn(self, *given: Any) -> Learned:
        return self._once("learn", super().learn(*given))

    def walk_forward(self, *given: Any) -> Found:
        return self._once("walk_forward", super().walk_forward(*given))

    def challenger(self, *given: Any) -> Made:
        return self._once("challenger", super().challenger(*given))

    def against_champion(self, *given: Any) -> Judged:
        return self._once("against_champion", super().against_champion(*given))

    def in_shadow(self, *given: Any) -> Verdict | Undecided:
        return self._once("in_shadow", super().in_shadow(*given))


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    settings.SHADOW_DAYS_FORECASTS = TRIAL_DAYS
    return VersionStore(tmp_path)


@pytest.fixture
def at(redis_url: str, clean_redis: Any) -> Callable[[float], None]:
    client = redis.Redis.from_url(redis_url)

    def set_to(market_ms: float, venue: str = VENUE) -> None:
        market = MarketTime(venue, False, market_ms, time.time() * 1e3, 0.0)
        client.hset(keys.clock(), mapping=market.to_hash())

    return set_to


def quiet(_: str) -> None:
    """Hear nothing."""


def asked(engine: Engine, **how: Any) -> TrainingRun:
    (row,) = retrain({SLOT: ORDER}, lambda slot: engine, quiet, **how)
    return row


def gone_on(engine: Engine | None = None) -> None:
    resume(lambda slot: engine or Quick(), quiet)


def broken_off(store: VersionStore, step: RunStep, slot: Slot = SLOT) -> TrainingRun:
    """Return a run that has a challenger and stopped before a step; nothing was trained for it."""
    row = standing.register(slot, add_version(store, slot, "v9"), origin=Origin.TRAINED)
    return TrainingRun.objects.create(
        slot=str(slot),
        trigger=Trigger.HAND,
        state=RunState.RUNNING,
        step=step,
        options=ORDER.to_record(),
        venue=VENUE,
        version=row,
    )


def on_trial(store: VersionStore, slot: Slot = SLOT) -> TrainingRun:
    """Return a run whose challenger came on trial as the clock stands."""
    run = broken_off(store, RunStep.SHADOW, slot)
    gone_on()
    run.refresh_from_db()
    assert run.state == RunState.ON_TRIAL
    return run


def say(challenger: str, *, skill: float, ticks: int = TICKS, venue: str = VENUE) -> None:
    """Let what is shipped say nothing, the challenger a share of what can be told; grade both."""
    random = np.random.default_rng(3)
    told, silent, own = (random.normal(size=(3, ticks, 1)).T * (0.45, 0.01, 0.01)).T
    came = told + random.normal(size=(ticks, 1)) * 1.8
    answers = {SHIPPED: silent, challenger: skill * told + own}
    third = ticks // 3
    for first in range(0, ticks, third):  # of calm, of usual and of wild times
        rows = slice(first, first + third)
        said = {version: moves[rows] for version, moves in answers.items()}
        say_forecasts(
            said,
            came[rows],
            symbols=("BTCUSDT",),
            champion=SHIPPED,
            first=first,
            sigma_bp=1.0 + first / ticks,
            venue=venue,
        )


def test_challenger_that_is_better_comes_to_serve_though_it_is_killed_at_every_step(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    write_recording(settings.RECORDINGS_DIR, minutes=120, venue=VENUE)
    at(FIRST_TICK_MS)
    engine = Dying()
    for _ in range(4):
        with pytest.raises(KilledError):
            asked(engine)
    run = asked(engine)

    assert TrainingRun.objects.count() == 1
    assert (run.state, run.step) == (RunState.ON_TRIAL, RunStep.SHADOW)
    assert run.version is not None
    version = run.version.version
    assert version == engine.came["challenger"].version
    assert run.data_digest == engine.came["learn"].digest
    assert (run.venue, run.symbols) == (VENUE, ["BTCUSDT"])
    tried = {trial.model: trial.loss for trial in run.trial_rows.all()}
    assert tried == {one.model: one.loss for one in engine.came["walk_forward"].tried}
    assert run.verdicts.get(stage=Stage.OUT_OF_SAMPLE, version=run.version).passed
    assert list(store.shadows(SLOT)) == [version]
    assert standing.champion_version(SLOT) == SHIPPED

    say(version, skill=1.0)
    gone_on()
    assert store.champion(SLOT) is None  # its time is not over, and nobody looks before

    at(FIRST_TICK_MS + TRIAL_DAYS * DAY_MS + 1)
    with pytest.raises(KilledError):
        gone_on(engine)
    gone_on(engine)

    run.refresh_from_db()
    assert (run.state, run.step) == (RunState.PROMOTED, RunStep.PROMOTION)
    assert run.verdicts.get(stage=Stage.SHADOW).passed
    assert standing.champion_version(SLOT) == store.champion(SLOT) == version
    assert list(store.shadows(SLOT)) == [SHIPPED]  # to go back to
    promoted = Promotion.objects.get(action=Action.PROMOTE)
    assert (promoted.by, promoted.before) == (standing.Automatic.RETRAINING, SHIPPED)
    assert "R² gained on it" in promoted.figures

    again = asked(Quick())
    assert (again.state, again.version) == (RunState.UNCHANGED, None)
    assert version in again.message


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


def test_run_that_fails_says_why_and_the_next_slot_goes_on(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    class Broken(Quick):
        def learn(self, *given: Any) -> Learned:
            raise RuntimeError("the disk is on fire")

    at(FIRST_TICK_MS)
    engines = {SLOT: Broken(), SLOTS[1]: Quick()}
    first, second = retrain(dict.fromkeys(engines, ORDER), engines.__getitem__, quiet)

    assert (first.state, first.message) == (
        RunState.FAILED,
        "failed at dataset: the disk is on fire",
    )
    assert second.state == RunState.UNCHANGED
    assert "too little to learn from yet: nothing is recorded" in second.message
    assert first.ended_at is not None


def test_run_that_dies_three_times_at_one_step_has_failed(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    class Doomed(Quick):
        def learn(self, *given: Any) -> Learned:
            raise KilledError

    at(FIRST_TICK_MS)
    for _ in range(3):
        with pytest.raises(KilledError):
            asked(Doomed())
    run = asked(Doomed())
    assert run.state == RunState.FAILED
    assert "died 3 times at dataset" in run.message


def test_run_that_is_asked_for_otherwise_is_given_up_with_its_trial_and_folder(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    run = broken_off(store, RunStep.SHADOW)  # killed behind the link, before its row
    standing.put_on_trial(SLOT, "v9", by=standing.Automatic.RETRAINING, why="passed the gate")
    RunFolder(run.pk).make()

    (other,) = retrain({SLOT: SlotOrder(epochs=3)}, lambda slot: Quick(), quiet)

    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert "asked for otherwise" in run.message
    assert other.pk != run.pk
    assert store.shadows(SLOT) == {}
    assert not RunFolder(run.pk).path.exists()


def test_run_whose_cluster_is_away_waits_however_often_it_was_asked(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    class Away(Quick):
        def learn(self, *given: Any) -> Learned:
            raise WorkplaceAwayError("no Dask scheduler answers at tcp://nowhere:1")

    at(FIRST_TICK_MS)
    for _ in range(5):
        run = asked(Away())
    assert run.state == RunState.RUNNING
    assert run.message == "goes on later: no Dask scheduler answers at tcp://nowhere:1"


def test_schedule_makes_no_second_challenger_beside_one_on_trial(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    on_trial(store)

    run = asked(Quick(), trigger=Trigger.SCHEDULE)

    assert run.state == RunState.UNCHANGED
    assert "v9 of run" in run.message


def test_shipping_writes_what_serves_and_tries_nothing(store: VersionStore, tmp_path: Path) -> None:
    class Ready(Quick):
        def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
            return Learned("ab" * 32, "", "made up", ("BTCUSDT",), 9, (0, 1))

        def walk_forward(self, order: SlotOrder, folder: RunFolder, told: Told) -> Found:
            verdict = Verdict(Stage.OUT_OF_SAMPLE, "network", "ridge", (), 0)
            return Found([], {}, 1, "The network did not pass.", verdict)

        def challenger(self, order: SlotOrder, folder: RunFolder) -> Made:
            folder.challenger.mkdir()
            file = folder.challenger / "network.onnx"
            file.write_bytes(b"new")
            return Made("v2", {file.name: file})

    models, heard = tmp_path / "models", list[str]()
    models.mkdir()
    (models / "network.onnx").write_bytes(b"old")
    (models / "other.md").write_text("stays")

    ship_all({SLOT: ORDER}, lambda slot: Ready(), models, heard.append)

    assert (models / "network.onnx").read_bytes() == b"new"
    assert (models / "other.md").read_text() == "stays"
    assert heard[-1] == f"forecasts: v2 in {models}. The network did not pass."
    assert not TrainingRun.objects.exists()
    assert store.versions(SLOT) == []
    assert not any((tmp_path / "training" / "runs").iterdir())


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


def test_run_that_is_asked_for_again_is_gone_on_with_where_that_says(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    class Away(Quick):
        def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
            raise WorkplaceAwayError(f"no Dask scheduler answers at {order.cluster}")

    at(FIRST_TICK_MS)
    messages = []
    for cluster in ("tcp://wrong:1", None):
        order = msgspec.structs.replace(ORDER, cluster=cluster)
        (row,) = retrain({SLOT: order}, lambda slot: Away(), quiet)
        messages.append((row.pk, row.message))

    assert messages == [
        (row.pk, "goes on later: no Dask scheduler answers at tcp://wrong:1"),
        (row.pk, "goes on later: no Dask scheduler answers at None"),
    ]


def test_run_that_is_dropped_before_it_is_gone_on_with_stays_dropped(
    store: VersionStore, at: Callable[[float], None]
) -> None:
    at(FIRST_TICK_MS)
    run = broken_off(store, RunStep.SHADOW)
    (row,) = unfinished()
    drop(run.pk, by="ann", why="not wanted")

    go_on(row, lambda slot: Quick(), quiet)

    run.refresh_from_db()
    assert (run.state, run.message) == (RunState.DROPPED, "dropped by ann: not wanted")
    assert store.shadows(SLOT) == {}


def test_run_on_a_recording_that_is_too_short_ends_before_anything_is_fitted(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    class Unasked(Quick):
        def walk_forward(self, *given: Any) -> Found:
            raise AssertionError("it was fitted")

    at(FIRST_TICK_MS)
    write_recording(settings.RECORDINGS_DIR, minutes=15, venue=VENUE)

    run = asked(Unasked())

    assert run.state == RunState.UNCHANGED
    told = re.search(
        r"recordings of BTCUSDT in \S+: too short\. (\d+) decisions over 0\.\d\d hours are"
        r" recorded, about (\d+) decisions over (0\.\d\d) hours are needed: fold 1 calibrates on"
        r" (\d+), and 50 are needed",
        run.message,
    )
    assert told is not None, run.message
    rows, needed, hours, calibrating = map(float, told.groups())
    assert rows < needed and calibrating < 50
    longer = write_recording(settings.RECORDINGS_DIR, minutes=60 * hours + 2, venue=VENUE)
    require_enough(build([longer]))
