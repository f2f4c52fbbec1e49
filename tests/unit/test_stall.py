"""A connection under Uvicorn whose client is slow, and one whose client takes nothing."""

from typing import Any

from dashboard.uvicorn_server import Stall
from tests.waiting import eventually

SECONDS = 0.01


class FakeTransport:
    """Its client takes so many bytes between two looks."""

    def __init__(self, waiting: int, taken: int) -> None:
        self.waiting = waiting
        self.taken = taken
        self.looks = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        self.looks += 1
        self.waiting -= self.taken
        return self.waiting

    def abort(self) -> None:
        self.aborted = True


async def test_client_that_takes_nothing_is_cut_off() -> None:
    transport: Any = FakeTransport(waiting=100_000, taken=0)
    Stall(SECONDS).begin(transport)
    await eventually(lambda: transport.aborted)
    assert transport.looks == 2


async def test_slow_client_is_waited_for_as_long_as_it_takes_some() -> None:
    transport: Any = FakeTransport(waiting=100_000, taken=10)
    stall = Stall(SECONDS)
    stall.begin(transport)
    await eventually(lambda: transport.looks > 4)
    assert not transport.aborted
    transport.taken = 0
    await eventually(lambda: transport.aborted)


async def test_client_that_has_taken_all_is_left_alone() -> None:
    transport: Any = FakeTransport(waiting=100_000, taken=0)
    stall = Stall(SECONDS)
    stall.begin(transport)
    stall.end()
    later: Any = FakeTransport(waiting=100_000, taken=0)
    Stall(3 * SECONDS).begin(later)
    await eventually(lambda: later.aborted)
    assert not transport.aborted
