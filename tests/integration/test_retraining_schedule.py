"""When models are trained anew, what is started for it, and how the process ends."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from inference.artefacts.versions import SLOTS
from market import keys
from predictions.api.retraining_metrics import RetrainingMetrics
from predictions.models.retraining import RunState, RunStep, TrainingRun, Trigger
from predictions.watching.process_troubles import TROUBLES
from tests.waiting import eventually_sync
from training import workplace
from training.pipeline import chores, scheduler
from training.pipeline.chores import Chore, Chores, Command, scheduled_since
from training.pipeline.locking import RetrainingBusyError, alone
from training.pipeline.schedule import MONTHLY, OFF, WEEKLY, last_due, next_due
from training.pipeline.scheduler import Scheduler
from training.pipeline.told import look

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def a_run(slot: object = SLOTS[0], **columns: Any) -> TrainingRun:
    given = {"trigger": Trigger.SCHEDULE, "state": RunState.REJECTED, "step": RunStep.GATE}
    return TrainingRun.objects.create(slot=str(slot), **(given | columns))


@pytest.mark.parametrize(
    ("schedule", "now", "last", "following"),
    [
        (WEEKLY, "2026-11-22T00:29", "2026-11-15T00:30", "2026-11-22T00:30"),
        (WEEKLY, "2026-11-22T00:30", "2026-11-22T00:30", "2026-11-29T00:30"),
        (WEEKLY, "2026-11-25T12:00", "2026-11-22T00:30", "2026-11-29T00:30"),
        (MONTHLY, "2026-12-01T00:29", "2026-11-01T00:30", "2026-12-01T00:30"),
        (MONTHLY, "2027-01-31T23:00", "2027-01-01T00:30", "2027-02-01T00:30"),
        (MONTHLY, "2028-02-01T00:30", "2028-02-01T00:30", "2028-03-01T00:30"),
    ],
)
def test_schedule_is_due_at_half_past_midnight(
    schedule: str, now: str, last: str, following: str
) -> None:
    assert last_due(schedule, utc(now)) == utc(last)
    assert next_due(schedule, utc(now)) == utc(following)


def test_schedule_that_is_off_is_never_due() -> None:
    now = datetime.now(UTC)
    assert (last_due(OFF, now), next_due(OFF, now)) == (None, None)
    assert Chores(OFF, LONG_AGO).next(now) is None


def test_missed_runs_are_made_up_for_once() -> None:
    now = datetime.now(UTC)
    due = last_due(WEEKLY, now)
    assert due is not None
    schedule = Chores(WEEKLY, LONG_AGO)
    assert schedule.next(now) == Command(
        Chore.SCHEDULED,
        ("retrain", "--trigger", "schedule", "--since", due.isoformat(), "--jobs", "1"),
    )
    for slot in SLOTS[:-1]:
        a_run(slot)
    assert schedule.due(now) == due  # a slot is left

    a_run(SLOTS[-1], state=RunState.FAILED)

    assert schedule.due(now) is None
    assert schedule.due(now + timedelta(days=7)) == due + timedelta(days=7)


def test_nothing_was_missed_before_the_instance_was_there(tmp_path: Path) -> None:
    now = utc("2026-11-25T12:00")
    since = scheduled_since(tmp_path, now)
    assert scheduled_since(tmp_path, now + timedelta(days=9)) == since == now
    assert Chores(WEEKLY, since).due(now) is None
    assert Chores(WEEKLY, since).due(utc("2026-11-29T00:30")) == utc("2026-11-29T00:30")


def test_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    wrong = now + timedelta(days=400)
    assert scheduled_since(tmp_path, wrong) == wrong
    assert scheduled_since(tmp_path, now) == scheduled_since(tmp_path, wrong) == now
    schedule = Chores(WEEKLY, now)
    assert schedule.next(wrong) is not None
    for chore in Chore:
        schedule.started[chore] = wrong
    assert schedule.next(now) == Command(Chore.DRIFT, ("measure_drift",))


def test_run_that_was_broken_off_comes_before_all_else_and_not_every_minute() -> None:
    a_run(state=RunState.RUNNING, step=RunStep.WALK_FORWARD)
    schedule, now = Chores(WEEKLY, LONG_AGO), datetime.now(UTC)

    first = schedule.next(now)
    second = schedule.next(now + timedelta(minutes=1))
    later = schedule.next(now + chores.RETRY_AFTER)

    assert first == later == Command(Chore.RESUME, ("retrain", "--resume", "--jobs", "1"))
    assert second is not None
    assert second.chore is Chore.SCHEDULED


def test_drift_is_measured_hourly_and_begins_a_run_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    schedule = Chores(WEEKLY, now)
    measured = Command(Chore.DRIFT, ("measure_drift",))
    assert schedule.next(now) == measured
    assert schedule.next(now + timedelta(minutes=59)) is None
    assert schedule.next(now + timedelta(minutes=60)) == measured

    monkeypatch.setattr(chores, "drift_causes", lambda: [(SLOTS[2], "drift in binance: rsi_14")])
    begun = schedule.next(now + timedelta(minutes=61))

    assert begun is not None
    assert begun.chore is Chore.DRIFTED
    assert begun.arguments[:5] == ("retrain", "--only", "signals", "--timeframe", "1h")
    assert begun.arguments[5:9] == ("--trigger", "drift", "--cause", "drift in binance: rsi_14")


def test_second_retraining_is_refused_while_one_runs(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path
    with alone():
        with pytest.raises(RetrainingBusyError, match=f"process {os.getpid()}"), alone():
            pass
        with pytest.raises(CommandError, match="another process retrains") as refused:
            call_command("retrain", "--resume")
    assert refused.value.returncode == scheduler.BUSY
    with alone():
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--timeframe", "2h"], "2h"),
        (["--only", "signals", "--symbols", "ABCUSDT"], "ABCUSDT is not in SIGNAL_SYMBOLS"),
        (["--trials", "0"], "--trials 0 is too small"),
        (["--cluster", "nowhere"], "no address of a Dask scheduler"),
        (["--device", "tpu"], "allowed are cpu, cuda"),
        (["--since", "monday"], "is no time"),
        (["--symbols", " , "], "names no symbol; write it like BTCUSDT,ETHUSDT"),
        (
            ["--symbols", "ETHUSDT", "--daily", __file__],
            "BTCUSDT, which --symbols leaves out",
        ),
        (["--seed", "-1"], "--seed -1 is too small; allowed are 0 and more"),
        (["--jobs", "0"], "--jobs 0 is too small; allowed are 1 and more"),
        (["--recordings", "nowhere"], "--recordings: nowhere does not exist"),
        (["--candles", "nowhere"], "--candles: nowhere is not a folder"),
        (["--timeframe", "1h", "--candles", "."], "has no folder 1h; it has none"),
        (["--timeframe", "1d", "--daily", "."], "--daily: . is not a file"),
        (["--only", "forecaster", "--ship", __file__], "is a file; a folder is asked for"),
        (["--only", "forecaster", "--timeframe", "1h"], "--timeframe is an option of the signals"),
    ],
)
def test_retrain_refuses_what_cannot_be_followed_naming_it(
    tmp_path: Path, settings: Settings, arguments: list[str], told: str
) -> None:
    settings.VAR_DIR = tmp_path
    with pytest.raises(CommandError, match=told):
        call_command("retrain", *arguments)
    assert not TrainingRun.objects.exists()


def test_retrain_where_nothing_can_be_kept_says_so_and_begins_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "training").write_text("a file where a folder belongs")
    with pytest.raises(CommandError, match=r"what is trained cannot be kept: .*training"):
        call_command("retrain", "--only", "forecaster")
    assert not TrainingRun.objects.exists()


def test_retrain_asks_for_its_cluster_before_a_run_is_begun(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(workplace, "CONNECT_SECONDS", 0.2)
    for mode in ([], ["--resume"]):
        with pytest.raises(CommandError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1"):
            call_command("retrain", *mode, "--cluster", "tcp://127.0.0.1:1")
    assert not TrainingRun.objects.exists()


def test_slots_that_a_schedule_began_already_are_left_out(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR, settings.RECORDINGS_DIR = tmp_path, tmp_path / "recordings"
    since = timezone.now().isoformat()
    for slot in SLOTS[1:]:
        a_run(slot)

    call_command("retrain", "--trigger", "schedule", "--since", since)

    made = TrainingRun.objects.filter(slot=str(SLOTS[0])).get()
    assert (TrainingRun.objects.count(), made.state) == (len(SLOTS), RunState.UNCHANGED)
    assert "too little to learn from yet" in made.message


@pytest.fixture
def client(redis_url: str, clean_redis: Any) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def process(
    tmp_path: Path, settings: Settings, client: redis.Redis, redis_url: str
) -> Iterator[Scheduler]:
    settings.VAR_DIR, settings.REDIS_URL = tmp_path, redis_url
    made = Scheduler(WEEKLY, list, lambda: False)
    yield made
    made.close()


def beat(client: redis.Redis) -> tuple[str, dict[str, Any]]:
    told: Any = client.hgetall(keys.health("retrain"))
    return told.get("status", ""), json.loads(told.get("detail", "{}"))


def test_process_that_lacks_packages_works_once_they_are_there(
    process: Scheduler, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = ["torch", "river"]
    monkeypatch.setattr(process, "_missing", lambda: list(missing))
    monkeypatch.setattr(Chores, "next", lambda chores, now: None)
    monkeypatch.setattr(scheduler, "LOOK_SECONDS", 0.0)

    process.step()
    assert "torch, river not installed" in beat(client)[1]["why"]
    assert beat(client)[1]["next_due_ms"] is None
    missing.clear()
    eventually_sync(lambda: process.step() and beat(client)[1]["next_due_ms"] is not None)
    assert beat(client)[1]["why"] == ""


def test_process_ends_its_child_and_all_that_it_started(
    process: Scheduler,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Settings,
) -> None:
    # A child with a child of its own, both deaf to SIGTERM as one in the middle of a fit may be.
    note = tmp_path / "pids"
    deaf = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    code = f"{deaf}os.fork(); open({str(note)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    (tmp_path / "manage.py").write_text(code)
    monkeypatch.setattr(scheduler, "STOP_SECONDS", 0.05)
    settings.BASE_DIR = tmp_path
    due = Command(Chore.DRIFT, ("measure_drift",))
    monkeypatch.setattr(Chores, "next", lambda chores, now: due)

    assert process.step()
    eventually_sync(lambda: note.exists() and len(note.read_text().split()) == 2)
    assert beat(client)[0] == "active"
    assert beat(client)[1]["doing"] == "measure_drift"
    assert process.child is not None
    assert os.getpriority(os.PRIO_PROCESS, process.child.pid) >= scheduler.NICE
    process.close()

    pids = [int(pid) for pid in note.read_text().split()]
    eventually_sync(lambda: not any(map(alive, pids)))


def test_process_ends_a_child_that_hangs_and_tells_of_it(
    process: Scheduler,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Settings,
) -> None:
    (tmp_path / "manage.py").write_text("import time; time.sleep(60)")
    settings.BASE_DIR = tmp_path
    due = [Command(Chore.DRIFT, ("measure_drift",))]
    monkeypatch.setattr(Chores, "next", lambda chores, now: due.pop() if due else None)
    process.step()
    assert process.child is not None
    pid = process.child.pid

    monkeypatch.setitem(scheduler.LONGEST_SECONDS, Chore.DRIFT, 0.0)
    process.step()

    assert process.child is None
    assert not alive(pid)
    told = "measure_drift: status -15"
    eventually_sync(lambda: process.step() and beat(client)[1].get("child") == told)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_heartbeat_tells_why_it_idles_what_is_due_and_what_failed(
    process: Scheduler, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chores, "next", lambda chores, now: None)
    a_run(SLOTS[1], state=RunState.FAILED, message="the disk is on fire")
    a_run(SLOTS[0], state=RunState.FAILED, message="of old")
    a_run(SLOTS[0], state=RunState.RUNNING, step=RunStep.WALK_FORWARD)
    process.step()

    status, detail = beat(client)

    assert (status, detail["why"], detail["schedule"]) == ("idle", "", WEEKLY)
    assert detail["next_due_ms"] > datetime.now(UTC).timestamp() * 1000
    assert [(run["slot"], run["step"]) for run in detail["runs"]] == [("forecasts", "walk_forward")]
    shown = RetrainingMetrics({"status": status, "detail": detail}).registry
    assert shown.get_sample_value("retraining_runs", {"state": "running"}) == 1
    assert shown.get_sample_value("retraining_failed", {"slot": "signals/15m"}) == 1
    assert shown.get_sample_value("retraining_up") == 1
    (alert,) = TROUBLES["retrain"](detail)
    assert alert.code == "retraining_failed"
    assert alert.message == "signals/15m could not be trained anew: the disk is on fire"


def test_process_without_training_packages_idles_and_says_so() -> None:
    told = look(WEEKLY, ["torch"], datetime.now(UTC))
    assert told.why == "torch not installed (requirements/training.txt)"
    assert told.next_due_ms is None
    assert look(OFF, [], datetime.now(UTC)).why == "RETRAIN_SCHEDULE is off"
