"""Long responses at their client's pace: who is waited for, and how long."""

import asyncio
from typing import Any

import pytest

from dashboard.response_flow import ClientFlow, PacedResponses

PART = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST = {"type": "http.response.body", "body": b"", "more_body": False}


class FakeChannel:
    aborted = False

    def forceAbortClient(self) -> None:
        self.aborted = True


class FakeRequest:
    """What a response touches of a Twisted request."""

    def __init__(self) -> None:
        self.channel: FakeChannel | None = FakeChannel()
        self.producer: ClientFlow | None = None

    def registerProducer(self, producer: ClientFlow, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None


async def sent(paced: PacedResponses, request: Any, message: dict[str, Any]) -> None:
    paced.before(request, message)
    await paced.after(request)


async def test_part_waits_until_the_client_has_room() -> None:
    paced, request = PacedResponses(), FakeRequest()
    await sent(paced, request, PART)
    assert request.producer is not None
    request.producer.pauseProducing()

    waiting = asyncio.create_task(sent(paced, request, PART))
    await asyncio.sleep(0)
    assert not waiting.done()
    request.producer.resumeProducing()
    await waiting

    await sent(paced, request, LAST)
    assert request.producer is None


async def test_client_that_takes_nothing_is_cut_off() -> None:
    paced, request = PacedResponses(stall_seconds=0.01), FakeRequest()
    channel = request.channel
    assert channel is not None
    await sent(paced, request, PART)
    assert request.producer is not None
    request.producer.pauseProducing()

    await sent(paced, request, PART)

    assert channel.aborted


async def test_part_for_a_client_that_has_gone_is_not_waited_for() -> None:
    paced, request = PacedResponses(), FakeRequest()
    await sent(paced, request, PART)
    assert request.producer is not None
    request.producer.pauseProducing()
    request.channel = None

    await sent(paced, request, PART)


async def test_answer_in_one_part_is_not_paced() -> None:
    paced, request = PacedResponses(), FakeRequest()

    await sent(paced, request, {"type": "http.response.start", "status": 200})
    await sent(paced, request, LAST)

    assert request.producer is None


def test_client_that_takes_some_is_slow_and_one_that_takes_none_has_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("dashboard.response_flow.time.monotonic", lambda: now[0])
    flow = ClientFlow()
    assert flow.stalled_seconds(0) == 0.0
    flow.pauseProducing()
    for waiting in (90_000, 80_000, 70_000):
        assert flow.stalled_seconds(waiting) <= 8.0
        now[0] += 8.0
    flow.pauseProducing()
    assert flow.stalled_seconds(70_000) == 8.0
    now[0] += 8.0
    assert flow.stalled_seconds(70_000) == 16.0
    flow.resumeProducing()
    assert flow.stalled_seconds(0) == 0.0
