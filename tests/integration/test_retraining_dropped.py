"""`manage.py retrain --drop RUN`: a person ends what is not wanted any more."""

import fcntl
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from inference.artefacts.versions import SLOTS, VersionStore
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
from tests.model_versions import add_version
from training.pipeline.locking import RUN_LOCK, RetrainingBusyError, alone, at_work
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.pipeline.scheduler import BUSY
from training.pipeline.trials import unfinished

pytestmark = pytest.mark.django_db

SLOT = SLOTS[0]
WHY = ("--why", "the wrong symbols", "--by", "ann")


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    return VersionStore(tmp_path)


@pytest.fixture
def run(store: VersionStore) -> TrainingRun:
    """A run whose challenger is on trial."""
    version = standing.register(SLOT, add_version(store, SLOT, "v9"), origin=Origin.TRAINED)
    standing.put_on_trial(SLOT, "v9", by=standing.Automatic.RETRAINING, why="passed the gate")
    made = a_run(state=RunState.ON_TRIAL, step=RunStep.SHADOW, version=version)
    RunFolder(made.pk).make()
    return made


def a_run(**columns: Any) -> TrainingRun:
    given = {"slot": str(SLOT), "trigger": Trigger.HAND, "options": SlotOrder().to_record()}
    return TrainingRun.objects.create(**(given | columns))


def dropped(run: TrainingRun | int, *words: str) -> str:
    out = StringIO()
    number = run if isinstance(run, int) else run.pk
    call_command("retrain", "--drop", str(number), *(words or WHY), stdout=out)
    return out.getvalue()


def refusal(run: TrainingRun | int, *words: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        dropped(run, *words)
    return refused.value


def test_drop_ends_run_and_trial_and_keeps_rows_with_who_and_why(
    run: TrainingRun, store: VersionStore
) -> None:
    run.metrics = {"dataset": {"rows": 9}}
    run.save()

    said = dropped(run)

    run.refresh_from_db()
    assert said == f"run {run.pk} of forecasts is dropped; v9 is not on trial\n"
    assert (run.state, run.step) == (RunState.DROPPED, RunStep.SHADOW)
    assert run.message == "dropped by ann: the wrong symbols"
    assert run.metrics == {"dataset": {"rows": 9}}
    assert run.ended_at is not None and run.version is not None
    assert (run.version.state, store.shadows(SLOT)) == (VersionState.RETIRED, {})
    done = Promotion.objects.get(action=Action.RETIRE)
    assert (done.by, done.why) == ("ann", f"run {run.pk} was dropped: the wrong symbols")
    assert not RunFolder(run.pk).path.exists()
    assert unfinished() == []


def test_drop_of_a_run_that_was_broken_off_leaves_no_version_that_is_being_judged(
    store: VersionStore,
) -> None:
    early = a_run(state=RunState.RUNNING, step=RunStep.WALK_FORWARD)
    made = standing.register(SLOT, add_version(store, SLOT, "v9"), origin=Origin.TRAINED)
    late = a_run(state=RunState.RUNNING, step=RunStep.GATE, version=made)

    assert dropped(early) == f"run {early.pk} of forecasts is dropped\n"
    dropped(late)

    made.refresh_from_db()
    assert made.state == VersionState.RETIRED
    states = TrainingRun.objects.values_list("state", flat=True)
    assert set(states) == {RunState.DROPPED}


def test_drop_of_a_run_that_is_worked_on_is_refused_and_its_lock_is_not_left(
    run: TrainingRun, store: VersionStore, tmp_path: Path
) -> None:
    lock = tmp_path / RUN_LOCK.format(number=run.pk)
    with alone(), at_work(run.pk):
        refused = refusal(run)
    assert str(refused) == f"run {run.pk} is being worked on (process {os.getpid()})"
    assert refused.returncode == BUSY
    run.refresh_from_db()
    assert (run.state, set(store.shadows(SLOT))) == (RunState.ON_TRIAL, {"v9"})
    assert not lock.exists()

    with alone(), at_work(run.pk + 1):  # of other runs, that is no matter
        dropped(run)


def test_lock_that_was_removed_while_it_was_waited_for_is_taken_anew(
    store: VersionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, honest = tmp_path / RUN_LOCK.format(number=7), fcntl.flock

    def removed_first(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", honest)
        path.unlink()
        honest(file, how)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with at_work(7), pytest.raises(RetrainingBusyError), at_work(7):
        pass


@pytest.mark.parametrize("state", [RunState.REJECTED, RunState.FAILED, RunState.DROPPED])
def test_drop_of_a_run_that_is_over_says_so_and_which_are_not(
    run: TrainingRun, state: RunState
) -> None:
    over = a_run(state=state, step=RunStep.GATE)
    told = str(refusal(over))
    assert told == (
        f"run {over.pk} of forecasts is over ({state.label});"
        f" not over: {run.pk} (forecasts, challenger on trial)"
    )


def test_drop_of_no_run_names_those_that_are_unfinished(store: VersionStore) -> None:
    assert str(refusal(4)) == "there is no run 4; none is unfinished"
    one = a_run(state=RunState.RUNNING, step=RunStep.WALK_FORWARD)
    assert f"not over: {one.pk} (forecasts, at walk-forward)" in str(refusal(one.pk + 1))


def test_drop_of_a_run_whose_challenger_serves_is_refused(run: TrainingRun) -> None:
    standing.promote(SLOT, "v9", by="ann", why="a person may")
    assert f"v9, which came of run {run.pk}, serves" in str(refusal(run))
    run.refresh_from_db()
    assert run.state == RunState.ON_TRIAL


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--by", "ann"], "--drop needs --why"),
        (["--why", " ", "--by", "ann"], "who drops run 1, and why, must be said"),
        (["--why", "x", "--by", "retraining"], "is a process, not a person"),
        (["--why", "x", "--trials", "3"], "--trials does not go with --drop"),
    ],
)
def test_drop_asks_for_who_and_why_and_nothing_else(
    store: VersionStore, words: list[str], told: str
) -> None:
    assert told in str(refusal(1, *words))


def test_models_lists_the_runs_that_are_not_over(run: TrainingRun) -> None:
    late = a_run(state=RunState.RUNNING, step=RunStep.GATE)
    a_run(state=RunState.FAILED, step=RunStep.GATE)
    out = StringIO()
    call_command("models", stdout=out)
    listed = [line for line in out.getvalue().splitlines() if line.startswith("  run ")]
    assert [re.sub("began .* UTC", "began", line) for line in listed] == [
        f"  run {run.pk}: v9 is on trial, began; retrain --drop {run.pk} ends it",
        f"  run {late.pk}: at gate, began; retrain --drop {late.pk} ends it",
    ]


def test_dropped_run_is_shown_as_such(
    run: TrainingRun, admin_client: Client, client: Client
) -> None:
    dropped(run)
    told = client.get("/api/models/history", {"slot": str(SLOT)}).json()
    assert [(each["state"], each["message"]) for each in told["runs"]] == [
        ("dropped", "dropped by ann: the wrong symbols")
    ]
    page = admin_client.get("/admin/predictions/trainingrun/", {"state": "dropped"})
    assert "dropped by ann: the wrong symbols" in page.content.decode()
