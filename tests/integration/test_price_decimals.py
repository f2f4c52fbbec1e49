"""Decimals of prices on the pages: of the running exchange's tick sizes, else of candles."""

import asyncio

import numpy as np
import pytest

from dashboard.shell import decimals_of_prices
from market import keys
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from market.listings import VENUE_FIELD, Listing, SymbolStatus
from predictions.api.redis_client import web_redis
from tests.candle_bars import series


@pytest.mark.parametrize(("running", "decimals"), [("binance", 2), ("kraken", 3)])
async def test_tick_sizes_of_the_running_exchange_count_before_its_candles(
    settings, redis_url, clean_redis, tmp_path, running, decimals
):
    settings.REDIS_URL, settings.CANDLES_DIR = redis_url, tmp_path
    settings.FORECAST_SYMBOLS, settings.SIGNAL_SYMBOLS = ("BTCUSDT",), ("ETHUSDT",)
    for venue in ("binance", "kraken"):
        bars = [(price, price, price, price) for price in 10.001 + np.arange(9) / 1_000]
        for symbol in ("BTCUSDT", "ETHUSDT"):
            CandleStore(tmp_path).upsert(
                venue, symbol, Timeframe.M15, series(bars, Timeframe.M15.ms, 1_704_067_200_000)
            )
    clean_redis.hset(keys.clock(), mapping=MarketTime(running, True, 0.0, 0.0, 1.0).to_hash())
    btc = Listing("BTCUSDT", SymbolStatus.TRADING, tick_size=0.01)
    clean_redis.hset(keys.listings(), mapping={VENUE_FIELD: "binance", "BTCUSDT": btc.to_json()})

    found = await asyncio.to_thread(decimals_of_prices)

    assert found == {"BTCUSDT": decimals, "ETHUSDT": 3}
    await web_redis().aclose()
