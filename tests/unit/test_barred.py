"""What the loops understand of listings and of the market process's state."""

import pytest

from inference.barred import NOBODY, read_barred
from market.clock import LIVE_TIME, MarketTime
from market.listings import Listing, SymbolStatus

BINANCE = MarketTime("binance", True, 0.0, 0.0, 1.0)
LISTED = {
    "venue": "binance",
    "BTCUSDT": Listing("BTCUSDT", SymbolStatus.TRADING).to_json(),
    "ETHUSDT": Listing("ETHUSDT", SymbolStatus.HALTED).to_json(),
    "FTMUSDT": Listing("FTMUSDT", SymbolStatus.DELISTED, renamed_to="SUSDT").to_json(),
}


def flat(fields):
    return [part for pair in fields.items() for part in pair]


@pytest.mark.parametrize("shaped", [dict, flat])
def test_read_barred_of_the_running_venue_names_who_is_not_traded(shaped):
    barred = read_barred([shaped(LISTED), b"active"], BINANCE)
    assert {symbol: each.status for symbol, each in barred.symbols.items()} == {
        "ETHUSDT": SymbolStatus.HALTED,
        "FTMUSDT": SymbolStatus.DELISTED,
    }
    assert not barred.feed_down


def test_read_barred_of_another_venue_bars_nobody():
    assert not read_barred([LISTED, "active"], MarketTime("kraken", True, 0.0, 0.0, 1.0)).symbols
    assert read_barred([LISTED, "active"], LIVE_TIME).symbols


@pytest.mark.parametrize("replies", [[{}, None], [Exception("WRONGTYPE"), Exception("WRONGTYPE")]])
def test_read_barred_of_what_cannot_be_read_bars_nobody(replies):
    assert read_barred(replies, BINANCE) == NOBODY


def test_read_barred_of_a_market_process_without_an_exchange_says_so():
    assert read_barred([{}, b"feed_down"], LIVE_TIME).feed_down
