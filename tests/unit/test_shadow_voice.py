"""A version on trial beside others: who is slow, broken or behind delays nobody and is told of."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inference.artefacts.errors import ArtefactError, Refusal
from inference.handover.fence import LeaseLostError
from inference.handover.lease import Held
from inference.shadows.status import ShadowStatus, State, VoiceStatus
from inference.shadows.voice import SLOW_ANSWERS, WAITING, Pace, TooSlowError, Voice
from inference.vocabulary import FORECASTS
from tests.environment import instance_environment
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

HELD = Held(1, "1:test")


@dataclass
class FakeAnswering:
    """Answers numbers; waits while it is held up, raises where it is told to."""

    status: VoiceStatus
    going: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    answered: list[int] = field(default_factory=list)
    caught_up: int = 0
    forgotten: int = 0

    async def answer(self, entry: int, held: Held) -> None:
        await self.going.wait()
        if self.error is not None:
            raise self.error
        self.answered.append(entry)
        self.status.say(1.0)

    async def catch_up(self, held: Held) -> None:
        self.caught_up += 1

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class Stage:
    """A voice over a fake; lost: why the lead was given up."""

    load: Callable[[], None] = lambda: None
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.status = VoiceStatus(FORECASTS, "v2")
        self.answering = FakeAnswering(self.status)
        self.voice = Voice(self.status, self._loaded, held=lambda: HELD, lose=self.lost.append)

    def _loaded(self) -> FakeAnswering:
        self.load()
        return self.answering

    async def ready(self) -> None:
        await eventually(lambda: self.answering.caught_up)


async def test_entries_of_a_voice_that_is_behind_are_dropped_oldest_first() -> None:
    stage = Stage()
    await stage.ready()
    stage.voice.offer(0)
    await eventually(lambda: not stage.voice.idle and stage.voice._queue.empty())
    for entry in range(1, WAITING + 4):
        stage.voice.offer(entry)
    assert stage.status.behind == WAITING
    stage.answering.going.set()
    await eventually(lambda: stage.voice.idle)
    assert stage.answering.answered == [0, *range(4, WAITING + 4)]
    assert stage.status.skipped == {"behind": 3}
    assert stage.status.overdue_share == pytest.approx(3 / (WAITING + 4), abs=1e-4)
    await stage.voice.close()


async def test_voice_whose_network_fails_goes_on_and_counts() -> None:
    stage = Stage()
    await stage.ready()
    stage.answering.going.set()
    stage.answering.error = ValueError("no such shape")
    stage.voice.offer(1)
    await eventually(lambda: stage.status.skipped == {"failed": 1})
    stage.answering.error = None
    stage.voice.offer(2)
    await eventually(lambda: stage.answering.answered == [2])
    await stage.voice.close()


async def test_voice_that_is_too_slow_is_set_aside_and_says_so() -> None:
    stage = Stage()
    await stage.ready()
    stage.answering.going.set()
    stage.answering.error = TooSlowError("it takes for ever")
    stage.voice.offer(1)
    await eventually(lambda: stage.status.state is State.TOO_SLOW)
    assert (stage.status.code, stage.status.message) == ("too_slow", "it takes for ever")
    stage.voice.offer(2)
    assert stage.status.behind == 0
    await stage.voice.close()


async def test_version_that_is_refused_says_why() -> None:
    def refuse() -> None:
        raise ArtefactError(Refusal.DIGEST, Path("/var/models/x.onnx"), "is another file")

    stage = Stage(refuse)
    await eventually(lambda: stage.status.state is State.REFUSED)
    assert (stage.status.code, stage.status.message) == (
        "digest_mismatch",
        "models/x.onnx: is another file",
    )
    await stage.voice.close()


async def test_version_that_does_not_end_when_it_is_tried_is_too_slow() -> None:
    def refuse() -> None:
        raise ArtefactError(Refusal.TOO_SLOW, Path("/var/models/x.onnx"), "gives no answer")

    stage = Stage(refuse)
    await eventually(lambda: stage.status.state is State.TOO_SLOW)
    assert stage.status.code == "artefact_too_slow"
    await stage.voice.close()


async def test_lost_lease_is_handed_on() -> None:
    stage = Stage()
    await stage.ready()
    stage.answering.going.set()
    stage.answering.error = LeaseLostError("the lease is held by another")
    stage.voice.offer(1)
    await eventually(lambda: stage.lost == ["the lease is held by another"])
    await stage.voice.close()


def test_pace_takes_a_slow_answer_now_and_then_but_no_ten_in_a_row() -> None:
    pace = Pace(100.0)
    for _ in range(SLOW_ANSWERS - 1):
        pace.take(150.0)
    pace.take(50.0)
    for _ in range(SLOW_ANSWERS - 1):
        pace.take(150.0)
    with pytest.raises(TooSlowError, match="more than 100 ms"):
        pace.take(150.0)


@pytest.mark.parametrize(
    ("voices", "led", "problem", "status"),
    [
        ([], set(), "", "idle"),
        ([""], set(), "", "standby"),
        ([""], {FORECASTS}, "", "healthy"),
        (["", "too_slow"], {FORECASTS}, "", "degraded"),
        ([""], {FORECASTS}, "no stream", "degraded"),
    ],
)
def test_status_of_the_process(voices: list[str], led: set[str], problem: str, status: str) -> None:
    told = ShadowStatus(led=led, problems={FORECASTS: problem})
    for number, code in enumerate(voices):
        name = f"v{number}"
        told.voices[FORECASTS, name] = VoiceStatus(FORECASTS, name, code=code)
    assert told.status == status
    assert len(told.document()["versions"]) == len(voices)


def test_process_that_tries_nothing_out_holds_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import django, sys; django.setup(); import inference.management.commands.run_shadow;"
        "print({'numpy', 'onnxruntime', 'polars', 'talib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=instance_environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "set()\n", done.stderr
