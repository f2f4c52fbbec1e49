"""A fake exchange within the test's own process, on a thread and a loop of its own.

with fake_exchange(recording(BTC_SPOT), lock_step=True) as exchange:
    ...  # exchange.url: for EXCHANGE_URL
    exchange.send(1_000)
    exchange.begin(kind="silent", symbol="BTCUSDT", seconds=0.5)
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from market.events import DepthSnapshot
from market.fake_exchange.control import state
from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.faults import Fault, read_fault
from market.fake_exchange.server import HOST, serving
from market.fake_exchange.staging import ExchangePlan
from tests.ports import free_port
from tests.waiting import eventually_sync

T = TypeVar("T")


class RunningExchange:
    """A fake exchange that serves. Every call may come from any thread."""

    def __init__(self, exchange: FakeExchange, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self._exchange = exchange
        self._loop = loop
        self.port = port
        self.url = f"http://{HOST}:{port}"

    def call(self, action: Callable[[FakeExchange], T]) -> T:
        """Do something on the exchange's own loop, and return its result."""

        async def run() -> T:
            return action(self._exchange)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=30)

    def send(self, count: int) -> int:
        """In lock-step: send the next frames; return how many there were."""
        return self.call(lambda exchange: exchange.send(count))

    def send_until(self, recorded_ns: int) -> int:
        """In lock-step: send what the recording received until then."""
        return self.call(lambda exchange: exchange.send_until(recorded_ns))

    def begin(self, **fields: Any) -> Fault:
        """Begin a fault (`market.fake_exchange.faults.Fault`): kind, symbol, seconds, …"""
        return self.call(lambda exchange: exchange.begin(read_fault(fields)))

    def end(self, fault: Fault) -> None:
        self.call(lambda exchange: exchange.end(fault))

    def state(self) -> dict[str, Any]:
        return self.call(state)

    def book(self, symbol: str) -> DepthSnapshot:
        """Return the true book as of the frames sent, best levels first."""
        return self.call(lambda exchange: exchange.player(symbol).snapshot(symbol))

    def subscribed(self, *streams: str, seconds: float = 10.0) -> None:
        """Wait until some client has asked for all these streams."""
        eventually_sync(lambda: set(streams) <= set(self._exchange.delivery.asked), seconds)


@contextmanager
def fake_exchange(
    *recordings: Path, candles: Path | None = None, port: int | None = None, **plan: Any
) -> Iterator[RunningExchange]:
    """Serve recordings while the context lasts; `plan`: other fields of ExchangePlan."""
    exchange = FakeExchange(ExchangePlan(recordings, **plan))
    chosen = port or free_port()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready: list[BaseException | None] = []
    begun = threading.Event()

    async def serve() -> None:
        async with serving(exchange, chosen, candles):
            ready.append(None)
            begun.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # handed to the test's own thread
            ready.append(error)
            begun.set()
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="fake-exchange", daemon=True)
    thread.start()
    begun.wait(30)
    if ready and ready[0] is not None:
        raise ready[0]
    try:
        yield RunningExchange(exchange, loop, chosen)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def plain_ccxt(url: str) -> Any:
    """Return ccxt's own Binance client, nothing changed but where it connects to."""
    import ccxt.pro  # takes a second, and most tests of a fake exchange do without

    client = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    client.urls["api"]["public"] = f"{url}/api/v3"
    client.urls["api"]["ws"]["spot"] = url.replace("http", "ws", 1) + "/ws"
    return client
