"""Books that are told nothing of: checked by REST, and subscribed to again where they moved."""

from typing import Any

import pytest

from market.feeds.live import quiet_books
from market.feeds.live.link import ConnectionLost, LinkError
from market.feeds.live.quiet_books import COMING_NS, QUIET_NS, Best, QuietBooks
from market.feeds.live.taps import BookTap


class Exchange:
    """One whole book of 100 / 101, and a REST answer."""

    def __init__(self, best: Best | None = (100.0, 101.0)) -> None:
        self.tap = BookTap("BTCUSD")
        self.tap.book = {"bids": [[100.0, 1.0]], "asks": [[101.0, 2.0]]}
        self.tap.whole = True
        self.best = best
        self.asked = 0
        self.renewed: list[str] = []
        self.refuses = False
        self.now_ns = QUIET_NS + 1
        self.quiet = QuietBooks({"BTC/USD": self.tap}, self.ask, self.renew, lambda: self.now_ns)

    async def ask(self, market: str) -> Best:
        self.asked += 1
        if self.best is None:
            raise LinkError("429")
        return self.best

    async def renew(self, market: str) -> None:
        self.renewed.append(market)
        self.tap.asked_ns = self.now_ns
        if self.refuses:
            raise LinkError("gone")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(quiet_books, "ON_THE_WIRE_SECONDS", 0.0)


async def test_quiet_market_is_asked_for_and_left_as_it_is() -> None:
    exchange = Exchange()
    await exchange.quiet.look()
    await exchange.quiet.look()
    assert (exchange.asked, exchange.renewed) == (1, [])
    exchange.now_ns += QUIET_NS + 1
    await exchange.quiet.look()
    assert exchange.asked == 2


async def test_silent_stream_of_a_market_that_moved_is_subscribed_to_again() -> None:
    exchange = Exchange((100.5, 101.0))
    await exchange.quiet.look()
    assert exchange.renewed == ["BTC/USD"]


async def test_book_that_is_told_of_is_not_asked_for() -> None:
    exchange = Exchange((1.0, 2.0))
    exchange.tap.heard_ns = 2
    await exchange.quiet.look()
    assert exchange.asked == 0


async def test_exchange_that_does_not_answer_changes_nothing() -> None:
    exchange = Exchange(None)
    await exchange.quiet.look()
    assert (exchange.asked, exchange.renewed) == (1, [])


async def test_book_that_does_not_come_is_asked_for_with_growing_patience() -> None:
    exchange = Exchange()
    exchange.tap.lose()
    exchange.tap.asked_ns = exchange.now_ns
    renewed = []
    for _ in range(7):
        exchange.now_ns += COMING_NS + 1
        await exchange.quiet.look()
        renewed.append(len(exchange.renewed))
    assert renewed == [1, 1, 2, 2, 2, 2, 3]


async def test_stream_that_cannot_be_subscribed_to_again_ends_the_connection() -> None:
    exchange = Exchange((1.0, 2.0))
    exchange.refuses = True
    with pytest.raises(ConnectionLost, match="BTC/USD"):
        await exchange.quiet.look()
