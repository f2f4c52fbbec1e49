"""Runs that fail, die, wait, are given up or dropped, and those that ship."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django import Settings

from inference.artefacts.versions import SLOTS, VersionStore
from predictions.models.retraining import RunState, RunStep, TrainingRun, Trigger
from predictions.promotion import standing
from predictions.promotion.criteria import Stage, Verdict
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.retraining.challengers import (
    ORDER,
    SLOT,
    KilledError,
    Quick,
    asked,
    broken_off,
    on_trial,
    quiet,
)
from tests.integration.versions_ledger import VENUE
from tests.made_recordings import write_recording
from training.forecast_datasets import build
from training.pipeline.dropping import drop
from training.pipeline.engines import Found, Learned, Made, Told
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.running import go_on, retrain
from training.pipeline.shipping import ship_all
from training.pipeline.trials import unfinished
from training.sufficiency import require_enough
from training.workplace import WorkplaceAwayError

pytestmark = pytest.mark.django_db


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
        r"recordings of BTCUSDT in \S+: too short\. (\d+) decisions over 14\.\d minutes are"
        r" recorded, about (\d+) decisions over (\d\d\.\d) minutes are needed: fold 1 calibrates on"
        r" (\d+), and 50 are needed",
        run.message,
    )
    assert told is not None, run.message
    rows, needed, minutes, calibrating = map(float, told.groups())
    assert rows < needed and calibrating < 50
    longer = write_recording(settings.RECORDINGS_DIR, minutes=minutes + 1, venue=VENUE)
    require_enough(build([longer]))


def test_run_on_files_that_a_person_named_fails_where_they_are_too_short(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    at(FIRST_TICK_MS)
    folder = write_recording(settings.RECORDINGS_DIR, minutes=15, venue=VENUE)
    order = msgspec.structs.replace(ORDER, recordings=(str(folder),))

    (run,) = retrain({SLOT: order}, lambda slot: Quick(), quiet)

    assert run.state == RunState.FAILED
    assert run.message.startswith("failed at dataset: recordings of BTCUSDT in")


def test_run_without_room_on_the_disk_fails_with_the_reason(
    store: VersionStore, at: Callable[[float], None], tmp_path: Path
) -> None:
    at(FIRST_TICK_MS)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "runs").write_text("a file where a folder belongs")

    run = asked(Quick())

    assert run.state == RunState.FAILED
    assert re.match(r"failed at dataset: .*Not a directory: .*/training/runs/\d+", run.message)
