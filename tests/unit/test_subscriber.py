"""Snapshot first, then what it does not hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dashboard.outbox import MAX_WAITING, Frame
from dashboard.subscriber import INTERNAL_ERROR, Snapshot, Subscriber
from dashboard.ticks import Tick
from tests.waiting import eventually

BTC = "BTCUSDT"


class Client:
    """Remembers what it was sent and how it was closed."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: list[int] = []

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def close(self, code: int) -> None:
        self.closed.append(code)


class Snapshots:
    """Gives a snapshot when allowed; it holds the forecast of tick time 4,000."""

    def __init__(self) -> None:
        self.allowed = asyncio.Event()
        self.asked = 0

    async def take(self, symbols: tuple[str, ...]) -> Snapshot:
        self.asked += 1
        await self.allowed.wait()
        return Snapshot(f"snapshot of {','.join(symbols)}", {BTC: ("v", 4_000)})


class FakeWire:
    """A connection that takes so many frames, and more once there is room again."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._room = asyncio.Event()
        self._room.set()

    def write(self, data: bytes) -> bool:
        if self._room.is_set():
            head = 2 if data[1] < 126 else 4
            self.sent.append(data[head:].decode())
        return self._room.is_set()

    async def room(self) -> None:
        await self._room.wait()

    def fill(self) -> None:
        self._room.clear()

    def drain(self) -> None:
        self._room.set()


async def no_market(symbol: str) -> str:
    raise AssertionError(f"{symbol} is not watched")


def tick(seq: int, venue: str = "v") -> Tick:
    return Tick(seq, venue, True, seq * 2_000, {BTC: "{}"})


@asynccontextmanager
async def running(subscriber: Subscriber, snapshots: Snapshots) -> AsyncIterator[None]:
    task = asyncio.create_task(subscriber.run(snapshots.take, no_market))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_subscriber_ticks_before_the_snapshot_wait_and_held_ones_drop_out() -> None:
    client, snapshots = Client(), Snapshots()
    subscriber = Subscriber(client.send, client.close, (BTC,), single=True)
    async with running(subscriber, snapshots):
        await eventually(lambda: snapshots.asked)
        for seq in (1, 2, 3):
            subscriber.offer_tick(tick(seq), Frame("tick", f"tick {seq}"))
        assert client.sent == []
        snapshots.allowed.set()
        await eventually(lambda: len(client.sent) == 2)
    assert client.sent == [f"snapshot of {BTC}", "tick 3"]


async def test_subscriber_held_tick_that_comes_after_the_snapshot_is_dropped() -> None:
    client, snapshots = Client(), Snapshots()
    snapshots.allowed.set()
    subscriber = Subscriber(client.send, client.close, (BTC,), single=True)
    async with running(subscriber, snapshots):
        await eventually(lambda: client.sent)
        subscriber.offer_tick(tick(2), Frame("tick", "tick 2"))
        subscriber.offer_tick(tick(2, venue="other"), Frame("tick", "other 2"))
        subscriber.offer_tick(tick(3), Frame("tick", "tick 3"))
        await eventually(lambda: "tick 3" in client.sent)
    assert client.sent[1:] == ["other 2", "tick 3"]


async def test_subscriber_narrowed_while_its_snapshot_is_taken_gets_only_the_new_one() -> None:
    client, snapshots = Client(), Snapshots()
    subscriber = Subscriber(client.send, client.close, (BTC, "ETHUSDT"), single=False)
    async with running(subscriber, snapshots):
        await eventually(lambda: snapshots.asked)
        subscriber.narrow(("ETHUSDT",))
        snapshots.allowed.set()
        await eventually(lambda: client.sent)
    assert client.sent == ["snapshot of ETHUSDT"]


async def test_subscriber_failing_snapshot_closes_the_socket() -> None:
    client = Client()

    async def fail(symbols: tuple[str, ...]) -> Snapshot:
        raise RuntimeError("no snapshot")

    await Subscriber(client.send, client.close, (BTC,), single=True).run(fail, no_market)
    assert client.closed == [INTERNAL_ERROR]


@asynccontextmanager
async def wired(wire: FakeWire) -> AsyncIterator[Subscriber]:
    """Yield a subscriber with a wire, which has had its snapshot."""
    client, snapshots = Client(), Snapshots()
    snapshots.allowed.set()
    subscriber = Subscriber(client.send, client.close, (BTC,), single=True, wire=wire)
    async with running(subscriber, snapshots):
        await eventually(lambda: wire.sent)
        for _ in range(3):
            await asyncio.sleep(0)
        yield subscriber
    assert client.sent == []


async def test_subscriber_that_keeps_up_is_written_to_at_once() -> None:
    wire = FakeWire()
    async with wired(wire) as subscriber:
        subscriber.offer_tick(tick(3), Frame("tick", "tick 3"))
        subscriber.offer(Frame("health", "health"))
        assert wire.sent == [f"snapshot of {BTC}", "tick 3", "health"]


async def test_subscriber_whose_wire_is_full_gets_the_newest_of_each_when_there_is_room() -> None:
    wire = FakeWire()
    async with wired(wire) as subscriber:
        wire.fill()
        for seq in range(3, 1_000):
            subscriber.offer_tick(tick(seq), Frame("tick", f"tick {seq}"))
            subscriber.offer(Frame("health", f"health {seq}"))
        assert len(subscriber.outbox) <= MAX_WAITING
        wire.drain()
        await eventually(lambda: "health 999" in wire.sent)
        assert wire.sent[-2:] == ["tick 999", "health 999"]
        ticks = [int(text.split()[1]) for text in wire.sent if text.startswith("tick")]
        assert ticks == sorted(set(ticks))
        subscriber.offer(Frame("health", "at once again"))
        await eventually(lambda: wire.sent[-1] == "at once again")


async def test_subscriber_with_a_wire_holds_back_what_is_not_acknowledged() -> None:
    wire = FakeWire()
    async with wired(wire) as subscriber:
        for seq in (3, 4):
            subscriber.offer_tick(tick(seq), Frame("tick", f"tick {seq}", seq))
        subscriber.acknowledge(3)
        for seq in (5, 6, 7):
            subscriber.offer_tick(tick(seq), Frame("tick", f"tick {seq}", seq))
        assert wire.sent[1:] == ["tick 3", "tick 4", "tick 5", "tick 6"]
        subscriber.acknowledge(6)
        await eventually(lambda: wire.sent[-1] == "tick 7")


async def test_subscriber_watching_gets_the_market_before_what_changes_in_it() -> None:
    client, snapshots, markets = Client(), Snapshots(), asyncio.Event()
    snapshots.allowed.set()

    async def take_market(symbol: str) -> str:
        await markets.wait()
        return f"market of {symbol}"

    subscriber = Subscriber(client.send, client.close, (BTC,), single=True)
    task = asyncio.create_task(subscriber.run(snapshots.take, take_market))
    subscriber.watch(BTC)
    await eventually(lambda: client.sent)
    subscriber.offer_watched(Frame("book", "early book"))
    markets.set()
    await eventually(lambda: len(client.sent) == 2)
    subscriber.offer_watched(Frame("book", "book"))
    await eventually(lambda: len(client.sent) == 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert client.sent == [f"snapshot of {BTC}", f"market of {BTC}", "book"]
