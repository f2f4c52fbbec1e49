"""A connection kept alive: made anew, in time, and believed only while it is proved alive."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from market.events import Disconnected, Trade
from market.feeds.live import knocking as knocking_module
from market.feeds.live import supervision
from market.feeds.live.cells import Cells
from market.feeds.live.hearing import Hearing
from market.feeds.live.knocking import Knocking
from market.feeds.live.link import ConnectionLost, Stream, Subscription
from market.feeds.live.supervision import Carrier
from tests.live_links import BTC, ETH, START_NS, Clock, FakeConnection, FakeLink, trade
from tests.waiting import PATIENCE_SECONDS, eventually


class Scene:
    """One carrier over a hand-made link, with a clock that the test moves."""

    def __init__(self, link: FakeLink, *, speaks: bool = True) -> None:
        self.link, self.clock = link, link.clock
        self.counters: Counter[str] = Counter()
        self.cells = Cells(START_NS, (BTC, ETH), self.counters)
        self.hearing = Hearing((BTC, ETH), self.cells, self.counters, Counter(), sequenced=True)
        streams = [Subscription(BTC, stream) for stream in (Stream.DEPTH, Stream.TRADES)]
        self.carrier = Carrier(
            "market-1", link, streams, self.hearing, Knocking(), self.clock, speaks=speaks
        )

    @property
    def connection(self) -> FakeConnection:
        return self.link.connections[-1]

    async def made(self, count: int) -> None:
        await eventually(lambda: len(self.link.connections) == count and self.carrier.up)

    def kinds(self) -> list[type]:
        self.cells.pass_to(self.cells.until_ns + 1)
        self.cells.close()
        return [type(event) for batch in self.cells.batches() for event in batch.events]


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Scene]:
    task = asyncio.create_task(scene.carrier.run())
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.wait((task,))


@pytest.fixture(autouse=True)
def hurried(monkeypatch) -> None:
    monkeypatch.setattr(supervision, "WATCH_SECONDS", 0.005)
    monkeypatch.setattr(knocking_module, "LONGEST_SECONDS", 0.02)
    monkeypatch.setattr(knocking_module, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(knocking_module, "_AT_ONCE_SECONDS", 0.01)


async def go_on(scene: Scene, seconds: float) -> None:
    """Let time pass in steps that no watch takes for having been held up."""
    for _ in range(round(seconds / 0.5)):
        scene.clock.go_on(0.5)
        await eventually(partial(_watched_since, scene, scene.carrier._watched_ns))


def _watched_since(scene: Scene, watched_ns: int) -> bool:
    return scene.carrier._watched_ns > watched_ns


async def test_lost_connection_silences_its_symbols_and_is_made_anew():
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        scene.connection.tell(trade(1, START_NS))
        scene.connection.lose()
        await scene.made(2)
        scene.connection.tell(trade(2, START_NS))
        assert scene.kinds() == [Trade, Disconnected, Trade]
        assert scene.counters["reconnects"] == 1
        assert scene.link.connections[0].closed


async def test_connection_without_a_frame_or_pong_for_five_seconds_is_dead():
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        await go_on(scene, 4.5)
        assert len(scene.link.connections) == 1
        scene.connection.proof_ns = scene.clock()  # a pong
        await go_on(scene, 4.5)
        assert len(scene.link.connections) == 1
        scene.clock.go_on(0.9)
        await scene.made(2)
        assert scene.kinds() == [Disconnected]


async def test_connection_that_answers_no_ping_for_five_seconds_tells_what_is_old():
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        scene.connection.pinged_ns = scene.clock()
        for _ in range(5):  # frames come all the while
            await go_on(scene, 0.9)
            scene.connection.proof_ns = scene.clock()
        assert len(scene.link.connections) == 1
        await go_on(scene, 0.6)
        await scene.made(2)
        assert scene.kinds() == [Disconnected]
        assert scene.counters["reconnects"] == 1


async def test_watch_that_was_held_up_itself_hears_what_arrived_meanwhile_first(monkeypatch):
    monkeypatch.setattr(supervision, "WATCH_SECONDS", 0.2)
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        watched = scene.carrier._watched_ns
        scene.clock.go_on(30)
        await eventually(lambda: scene.carrier._watched_ns > watched)
        scene.connection.proof_ns = scene.clock()
        await go_on(scene, 0.5)
        assert len(scene.link.connections) == 1


async def test_candles_connection_silences_nobody():
    async with running(Scene(FakeLink(Clock()), speaks=False)) as scene:
        await scene.made(1)
        scene.connection.lose()
        await scene.made(2)
        assert scene.kinds() == []


async def test_next_connection_takes_over_before_the_exchange_cuts_the_first(monkeypatch):
    monkeypatch.setattr(supervision, "EARLY_SECONDS", (10.0, 10.0))
    async with running(Scene(FakeLink(Clock(), lifetime_seconds=20.0))) as scene:
        await scene.made(1)
        first = scene.connection
        for _ in range(11):
            first.proof_ns = scene.clock()
            await go_on(scene, 1)
        await eventually(lambda: len(scene.link.connections) == 2)
        second = scene.connection
        for number in range(6):
            for each in (first, second):  # both are heard while they overlap
                each.tell(trade(number, scene.clock()))
            await go_on(scene, 1)
        await eventually(lambda: first.closed)
        second.tell(trade(6, scene.clock()))
        assert not second.closed and scene.carrier.up
        assert scene.counters["taken_over"] == 1
        assert scene.counters["duplicates"] == 6
        assert set(scene.kinds()) == {Trade}


async def test_next_connection_that_fails_leaves_the_first_alone(monkeypatch):
    monkeypatch.setattr(supervision, "EARLY_SECONDS", (10.0, 10.0))
    async with running(Scene(FakeLink(Clock(), lifetime_seconds=12.0))) as scene:
        await scene.made(1)
        first = scene.connection
        for _ in range(3):
            first.proof_ns = scene.clock()
            await go_on(scene, 1)
        await eventually(lambda: len(scene.link.connections) == 2)
        scene.connection.lose()
        await eventually(lambda: scene.link.connections[1].closed)
        first.tell(trade(1, scene.clock()))
        await go_on(scene, 1)
        assert scene.kinds() == [Trade]
        assert len(scene.link.connections) == 2


async def test_connection_that_is_never_subscribed_is_given_up_after_twenty_seconds():
    link = FakeLink(Clock())
    link.working = False
    async with running(Scene(link)) as scene:
        await eventually(lambda: len(link.connections) == 1)
        await go_on(scene, 21)
        await eventually(lambda: len(link.connections) > 1)
        assert "20 s" in scene.carrier.error
        assert not scene.carrier.up


async def test_doubted_connection_is_made_anew():
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        scene.carrier.give_up("it tells nothing")
        await scene.made(2)
        assert scene.link.connections[0].closed


async def test_fault_of_a_links_own_costs_one_connection_alone():
    async with running(Scene(FakeLink(Clock()))) as scene:
        await scene.made(1)
        scene.connection.lose(KeyError("its own"))
        await scene.made(2)


async def test_exchange_that_asks_to_be_left_alone_is_left_alone():
    knocking = Knocking()
    knocking.failed(0.15)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await knocking.turn()
    assert loop.time() - began >= 0.15


async def test_all_follow_as_soon_as_one_is_let_in(monkeypatch):
    monkeypatch.setattr(knocking_module, "FIRST_SECONDS", 30.0)
    monkeypatch.setattr(knocking_module, "LONGEST_SECONDS", 30.0)
    knocking = Knocking()
    knocking.failed(None)
    waiting = [asyncio.create_task(knocking.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    knocking.let_in()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*waiting)


async def test_state_tells_why_a_connection_is_not_there():
    link = FakeLink(Clock())
    async with running(Scene(link)) as scene:
        await scene.made(1)
        assert scene.carrier.state().up
        link.working = False
        scene.connection.lose(ConnectionLost("cut by a friend"))
        await eventually(lambda: not scene.carrier.up)
        state = scene.carrier.state()
        assert (state.up, state.age_ms, state.error) == (False, None, "cut by a friend")
        assert state.symbols == (BTC,)
