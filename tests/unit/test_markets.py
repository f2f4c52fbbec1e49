"""Wanted symbols held against an exchange's list; renames; what EXCHANGE may be."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import pytest

from market.exchanges import AUTO_ORDER, EXCHANGES, SUPPORTED, auto_order, is_exchange, venue_of
from market.feeds import FeedError
from market.feeds.live.link import Link, LinkError
from market.feeds.live.links import aimed
from market.feeds.live.markets import Markets, keep_refreshing, listings_of
from market.feeds.live.renames import renamed
from market.listings import Listing, SymbolStatus
from tests.waiting import PATIENCE_SECONDS

TRADING, HALTED, DELISTED = SymbolStatus.TRADING, SymbolStatus.HALTED, SymbolStatus.DELISTED


def listed(**symbols: SymbolStatus) -> dict[str, Listing]:
    return {symbol: Listing(symbol, status, 0.01, 0.001) for symbol, status in symbols.items()}


def market(base: str, quote: str, **told: Any) -> dict[str, Any]:
    plain = {"spot": True, "active": True, "precision": {"price": 0.01, "amount": 0.001}}
    return plain | {"base": base, "quote": quote, "info": {}} | told


def test_listings_of_ccxt_markets_tell_status_and_steps() -> None:
    found = listings_of(
        {
            "1": market("BTC", "USDT"),
            "2": market("ETH", "USDT", active=False, info={"status": "BREAK"}),
            "3": market("OLD", "USD", active=False, info={"status": "delisted"}),
            "4": market("BTC", "USDC", info={"alias": "BTC-USD"}),
            "5": market("SOL", "USDT", spot=False),
        },
        5_000.0,
    )
    assert found == {
        "BTCUSDT": Listing("BTCUSDT", TRADING, 0.01, 0.001, 5_000),
        "ETHUSDT": Listing("ETHUSDT", HALTED, 0.01, 0.001, 5_000),
        "OLDUSD": Listing("OLDUSD", DELISTED, 0.01, 0.001, 5_000),
    }


def test_markets_drop_what_is_halted_or_not_listed() -> None:
    found = listed(BTCUSDT=TRADING, ETHUSDT=HALTED)
    markets = Markets("binance", ("BTCUSDT", "ETHUSDT", "XUSDT", "BTCUSDT"), found, 1_000.0)
    assert markets.trading == ("BTCUSDT",)
    assert markets.halted
    assert {symbol: each.status for symbol, each in markets.listings.items()} == {
        "BTCUSDT": TRADING,
        "ETHUSDT": HALTED,
        "XUSDT": DELISTED,
    }


def test_markets_take_a_symbol_back_when_it_trades_again() -> None:
    markets = Markets("okx", ("BTCUSDT", "ETHUSDT"), listed(BTCUSDT=TRADING, ETHUSDT=HALTED), 1.0)
    before = markets.listings
    assert not markets.refresh(listed(BTCUSDT=TRADING, ETHUSDT=HALTED), 2_000.0)
    assert markets.listings == before
    assert markets.refresh(listed(BTCUSDT=TRADING, ETHUSDT=TRADING), 3_000.0)
    assert markets.trading == ("BTCUSDT", "ETHUSDT")
    assert [each.since_ms for each in markets.listings.values()] == [1, 3_000]


def test_markets_tell_a_renamed_coin_by_its_new_symbol_and_serve_no_other() -> None:
    # Binance goes on listing the old market as one that does not trade.
    found = listed(BTCUSDT=TRADING, MATICUSDT=HALTED, POLUSDT=TRADING, SUSDT=TRADING)
    markets = Markets("binance", ("BTCUSDT", "MATICUSDT", "FTMUSDT"), found, 1.0)
    assert markets.trading == ("BTCUSDT",)
    assert not markets.halted
    told = {symbol: each.renamed_to for symbol, each in markets.listings.items()}
    assert told == {"BTCUSDT": "", "MATICUSDT": "POLUSDT", "FTMUSDT": "SUSDT"}
    assert markets.listings["MATICUSDT"].status is DELISTED


def test_markets_name_no_heir_that_is_not_listed() -> None:
    found = listed(BTCUSDT=TRADING, MATICUSDT=HALTED)
    markets = Markets("binance", ("BTCUSDT", "MATICUSDT"), found, 1.0)
    assert markets.listings["MATICUSDT"].renamed_to == ""
    assert markets.listings["MATICUSDT"].status is HALTED


def test_markets_with_nothing_listed_refuse_and_say_what_is() -> None:
    with pytest.raises(FeedError, match=r"kraken lists none of BTCUSDC.* BTCUSD.*FORECAST_SYM"):
        Markets("kraken", ("BTCUSDC",), listed(BTCUSD=TRADING, ETHUSD=TRADING), 1.0)


@pytest.mark.parametrize(
    ("symbol", "heir"),
    [("MATICUSDT", "POLUSDT"), ("FTMUSD", "SUSD"), ("BTCUSDT", ""), ("FTMLONGUSDT", "")],
)
def test_renamed_knows_the_coin_and_not_what_begins_like_it(symbol: str, heir: str) -> None:
    assert renamed(symbol) == heir


def test_venue_of_another_server_is_no_live_one() -> None:
    binance = SUPPORTED["binance-public"]
    assert venue_of(binance, "") == ("binance", True)
    venue, live = venue_of(binance, "http://127.0.0.1:9000")
    assert (venue, live) == ("replay/binance@127.0.0.1:9000", False)
    assert is_exchange(venue)
    assert EXCHANGES == ("binance", "coinbase", "kraken", "okx", "bybit")


def test_auto_asks_the_preferred_exchange_first_and_each_once() -> None:
    assert tuple(each.name for each in auto_order("binance")) == AUTO_ORDER
    assert [each.name for each in auto_order("kraken")] == ["kraken", *AUTO_ORDER[:3]]
    assert [each.name for each in auto_order("okx")] == ["okx", *AUTO_ORDER]


def test_aimed_addresses_go_to_the_other_server_with_their_paths() -> None:
    urls = {
        "public": "https://api.{hostname}/v5",
        "ws": {"spot": "wss://stream.binance.com:9443/ws"},
        "other": None,
    }
    binance, public = SUPPORTED["binance"], SUPPORTED["binance-public"]
    assert aimed(urls, binance, "http://127.0.0.1:9000") == {
        "public": "http://127.0.0.1:9000/v5",
        "ws": {"spot": "ws://127.0.0.1:9000/ws"},
        "other": None,
    }
    assert aimed(urls, binance, "") == urls
    assert aimed(urls, public, "")["ws"]["spot"] == "wss://data-stream.binance.vision/ws"


def test_ccxt_is_imported_by_nobody_who_does_not_ask_an_exchange() -> None:
    code = "import sys, market.running; print([n for n in sys.modules if n.startswith('ccxt')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class AskedLink:
    """Answers each question for its list with the next answer; the last one ends the test."""

    name = "binance"

    def __init__(self, *answers: dict[str, Listing] | LinkError) -> None:
        self._answers = list(answers)
        self.asked: list[Sequence[str]] = []

    async def listings(self, symbols: Sequence[str] = ()) -> dict[str, Listing]:
        self.asked.append(symbols)
        if not self._answers:
            raise asyncio.CancelledError
        answer = self._answers.pop(0)
        if isinstance(answer, LinkError):
            raise answer
        return answer


async def test_refreshing_asks_sooner_while_halted_and_tells_of_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    changes: list[tuple[str, ...]] = []

    async def due(_: Markets, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(Markets, "due", due)
    wanted = ("BTCUSDT", "MATICUSDT")
    halted, trading = listed(BTCUSDT=HALTED), listed(BTCUSDT=TRADING)
    markets = Markets("binance", wanted, trading, 1.0)
    link = AskedLink(trading, halted, LinkError("418", 900.0), halted, trading)
    with pytest.raises(asyncio.CancelledError):
        await keep_refreshing(
            cast("Link", link), markets, lambda: 2.0, lambda: changes.append(markets.trading)
        )
    assert waits == [3_600.0, 3_600.0, 60.0, 900.0, 60.0, 3_600.0]
    assert changes == [(), ("BTCUSDT",)]
    assert link.asked[0] == ["BTCUSDT", "MATICUSDT", "POLUSDT"]


async def test_list_is_due_soon_where_a_symbol_is_suspected_to_be_halted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("market.feeds.live.markets.RETRY_SECONDS", 0.01)
    markets = Markets("binance", ("BTCUSDT",), listed(BTCUSDT=TRADING), 1.0)

    due = asyncio.create_task(markets.due(3_600.0))
    done, _ = await asyncio.wait({due}, timeout=0.05)
    assert not done
    markets.suspect()
    await asyncio.wait_for(due, PATIENCE_SECONDS)

    await asyncio.wait_for(markets.due(0.02), PATIENCE_SECONDS)
