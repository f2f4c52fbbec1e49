"""Tick sizes: the finest decimal in use, null where candles do not tell."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from market.candles.store import CandleStore
from market.candles.tick_sizes import decimals_of, decimals_of_tick, price_decimals
from market.candles.timeframes import Timeframe
from market.feeds.simulated.history import minutes_of
from market.listings import Listing, SymbolStatus
from tests.candle_bars import series
from tests.made_candles import walk

EXCHANGE = "binance"


def store_closes(
    root: Path,
    closes: list[float],
    symbol: str = "BTCUSDT",
    timeframe: Timeframe = Timeframe.M15,
    venue: str = EXCHANGE,
    start: int = 0,
) -> None:
    bars = [(close, close, close, close) for close in closes]
    candles = series(bars, timeframe.ms, 1_704_067_200_000 + start * timeframe.ms)
    CandleStore(root).upsert(venue, symbol, timeframe, candles)


@pytest.mark.parametrize(
    ("prices", "decimals"),
    [
        ([61_661.51, 61_660.0, 61_650.1, 61_600.0, 61_662.2], 2),
        ([60_000.0, 60_010.0, 60_020.0, 60_030.0, 60_040.0], 0),
        ([0.00000812, 0.0000081, 0.000008, 0.00000815, 0.00000799], 8),
        ([0.1 + 0.2, 0.3 - 0.1, 0.1, 0.5, 0.7], 1),
        ([1e-5, 2e-5, 3e-5, 4e-5, 1.5e-5], 6),
        ([0.9999, 1.0, 1.0001, 1.0002, 1.0003], 4),
    ],
)
def test_decimals_of_prices_are_the_finest_in_use(prices: list[float], decimals: int) -> None:
    assert decimals_of(np.array(prices)) == decimals


@pytest.mark.parametrize("prices", [[], [100.0] * 50, [1.0, 2.0, 3.0, 4.0]])
def test_decimals_of_too_few_different_prices_are_unknown(prices: list[float]) -> None:
    assert decimals_of(np.array(prices)) is None


def test_decimals_of_prices_on_no_grid_are_unknown() -> None:
    assert decimals_of(walk(200, seed=3, step_ms=Timeframe.H1.ms).close) is None


@pytest.mark.parametrize(("symbol", "decimals"), [("BTCUSDT", 1), ("XRPUSDT", 4), ("PEPEUSDT", 9)])
def test_decimals_of_simulated_candles_are_their_grid(symbol: str, decimals: int) -> None:
    minutes = minutes_of(1, symbol, 20_000)

    assert decimals_of(minutes[:, :4].ravel()) == decimals


def test_price_decimals_follow_the_newest_candles(tmp_path: Path) -> None:
    store_closes(tmp_path, [10.001 + n / 1000 for n in range(300)])
    assert price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT"]) == {"BTCUSDT": 3}

    store_closes(tmp_path, [11.0 + n / 100 for n in range(250)], start=300)

    assert price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT"]) == {"BTCUSDT": 2}


def test_price_decimals_of_few_candles_take_longer_ones_in(tmp_path: Path) -> None:
    store_closes(tmp_path, [10.0, 20.0, 30.0], timeframe=Timeframe.M1)
    store_closes(tmp_path, [9.1, 9.25, 9.3, 9.4], timeframe=Timeframe.D1)

    assert price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT"]) == {"BTCUSDT": 2}


def test_price_decimals_of_a_simulated_market_are_its_own(tmp_path: Path) -> None:
    store_closes(tmp_path, [10.01 + n / 100 for n in range(9)])
    store_closes(tmp_path, [10.1 + n / 10 for n in range(9)], venue="simulated/1")

    assert price_decimals(tmp_path, EXCHANGE, "simulated/1", ["BTCUSDT"]) == {"BTCUSDT": 1}
    assert price_decimals(tmp_path, EXCHANGE, "replay/x/1", ["BTCUSDT"]) == {"BTCUSDT": 2}


def test_price_decimals_without_candles_or_with_a_damaged_file_are_unknown(tmp_path: Path) -> None:
    folder = CandleStore(tmp_path).folder(EXCHANGE, "ETHUSDT", Timeframe.M15)
    folder.mkdir(parents=True)
    (folder / "2024-01.parquet").write_bytes(b"no parquet")

    found = price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT", "ETHUSDT"])

    assert found == {"BTCUSDT": None, "ETHUSDT": None}


def test_tick_sizes_are_imported_without_polars() -> None:
    code = "import sys, market.candles.tick_sizes; sys.exit('polars' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False, timeout=60)

    assert done.returncode == 0


def test_decimals_where_the_store_cannot_be_looked_into_are_unknown(tmp_path: Path) -> None:
    (tmp_path / EXCHANGE).write_bytes(b"no folder")
    assert price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT"]) == {"BTCUSDT": None}


@pytest.mark.parametrize(
    ("tick", "decimals"),
    [(0.01, 2), (1e-8, 8), (0.05, 2), (0.1, 1), (1.0, 0), (5.0, 0), (0.00000001, 8), (0.0, None)],
)
def test_decimals_of_a_tick_write_it_exactly(tick: float, decimals: int | None) -> None:
    assert decimals_of_tick(tick) == decimals


def test_tick_size_that_the_exchange_says_counts_before_candles(tmp_path: Path) -> None:
    store_closes(tmp_path, [10.001 + n / 1000 for n in range(9)])
    store_closes(tmp_path, [10.1 + n / 10 for n in range(9)], symbol="ETHUSDT")
    listings = {
        "BTCUSDT": Listing("BTCUSDT", SymbolStatus.TRADING, tick_size=0.01),
        "ETHUSDT": Listing("ETHUSDT", SymbolStatus.TRADING),
    }

    found = price_decimals(tmp_path, EXCHANGE, EXCHANGE, ["BTCUSDT", "ETHUSDT"], listings)

    assert found == {"BTCUSDT": 2, "ETHUSDT": 1}
