"""Work that goes on after a failure that nobody foresaw."""

import asyncio

import pytest

from dashboard.enduring import enduring
from market import backoff
from tests.waiting import PATIENCE_SECONDS


async def test_enduring_work_begins_anew_after_any_failure_and_ends_when_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.001)
    begun: list[int] = []

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise RuntimeError("unforeseen")

    await asyncio.wait_for(enduring(work), timeout=PATIENCE_SECONDS)
    assert begun == [0, 1, 2]


async def test_enduring_work_ends_when_it_is_cancelled() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(enduring(work))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=PATIENCE_SECONDS)
    assert task.cancelled()
