"""Snapshot first, then what it does not hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dashboard.outbox import Frame
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
