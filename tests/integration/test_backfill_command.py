"""`manage.py backfill_candles` asks a fake exchange, by ccxt, for real candles; real Redis."""

import json
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from market import keys
from market.candles.asking import HISTORY
from market.candles.importing.tables import read_rows
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.exchanges import SUPPORTED, venue_of
from tests.fake_exchanges import RunningExchange, fake_exchange
from tests.recordings import BTC_SPOT, CANDLES, candle_file, recording

HOUR = Timeframe.H1


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    served = ("BTCUSDT", "ETHUSDT", "MATICUSDT", "POLUSDT")
    with fake_exchange(
        recording(BTC_SPOT), candles=CANDLES, symbols=served, lock_step=True
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def instance(settings, exchange, redis_url, clean_redis, tmp_path):
    settings.CANDLES_DIR, settings.REDIS_URL = tmp_path / "candles", redis_url
    settings.EXCHANGE, settings.EXCHANGE_URL = "binance", exchange.url
    settings.SIGNAL_SYMBOLS = ("BTCUSDT", "ETHUSDT")
    return settings


def backfill(*arguments: str) -> Any:
    told = StringIO()
    call_command("backfill_candles", "--json", *arguments, stdout=told, stderr=StringIO())
    return json.loads(told.getvalue())


def venue(exchange: RunningExchange) -> str:
    return venue_of(SUPPORTED["binance"], exchange.url)[0]


def stored(instance, exchange, symbol: str, timeframe: Timeframe = HOUR) -> CandleSeries:
    return CandleStore(instance.CANDLES_DIR).read((venue(exchange),), symbol, timeframe)


def test_backfill_brings_the_history_that_the_exchange_has(instance, exchange):
    since = f"{time.time() - 260 * 86_400:.0f}"
    with pytest.raises(CommandError, match="no date"):
        backfill("--since", since)

    day = time.strftime("%Y-%m-%d", time.gmtime(float(since)))
    told = backfill("--symbols", "BTC-USDT", "--timeframes", "1h", "--since", day)

    file = read_rows(candle_file("BTC", "1h"), ZoneInfo("UTC"))[:-1]
    candles = stored(instance, exchange, "BTCUSDT")
    # The fake exchange scales its history by one factor, so that it ends at the frames' price.
    factors = candles.close / file.close
    assert factors.max() / factors.min() - 1 < 1e-6
    assert (candles.volume == file.volume).all()
    assert (np.diff(candles.open_ms) == HOUR.ms).all() and not candles.provisional.any()
    (dataset,) = told["datasets"]
    assert (dataset["added"], dataset["gaps"], dataset["finished"]) == (len(file), 0, True)
    assert dataset["absent"] > 0 and not told["errors"]

    (again,) = backfill("--symbols", "BTCUSDT", "--timeframes", "1h", "--since", day)["datasets"]
    assert (again["added"], again["known_absent"]) == (0, dataset["absent"])
    assert again["lacking"] <= 1  # an hour may have begun meanwhile


def test_backfill_of_what_signals_need_is_announced(instance, exchange, clean_redis):
    told = backfill()

    assert len(told["datasets"]) == 8 and told["announced"] == 8
    for dataset in told["datasets"]:
        timeframe = Timeframe(dataset["timeframe"])
        candles = stored(instance, exchange, dataset["symbol"], timeframe)
        assert len(candles) == min(HISTORY, dataset["wanted"] - dataset["absent"]) > 200
    entries = [fields for _, fields in clean_redis.xrange(keys.candles_closed())]
    assert {(each["venue"], each["provisional"]) for each in entries} == {(venue(exchange), "0")}
    newest = {(each["symbol"], each["timeframe"]): int(each["open_ms"]) for each in entries}
    btc = stored(instance, exchange, "BTCUSDT")
    assert newest["BTCUSDT", "1h"] == btc.open_ms[-1]


def test_backfill_obeys_an_exchange_that_wants_to_be_left_alone(instance, exchange, capfd):
    exchange.begin(kind="status", status=429, retry_after=0.4, seconds=0.3)

    (dataset,) = backfill("--symbols", "BTCUSDT", "--timeframes", "1d")["datasets"]

    assert dataset["added"] > 200
    assert "asking again in 0.4 s" in capfd.readouterr().err


def test_backfill_of_a_renamed_coin_leaves_the_two_apart(instance, exchange, capfd):
    told = backfill("--symbols", "MATICUSDT,POLUSDT", "--timeframes", "1d")

    assert "MATICUSDT is POLUSDT at binance now" in capfd.readouterr().err
    assert [each["added"] > 200 for each in told["datasets"]] == [True, False]
    assert len(stored(instance, exchange, "POLUSDT", Timeframe.D1)) == 0


def test_backfill_of_a_symbol_that_is_not_listed_ends_with_an_error(instance, exchange):
    problems = StringIO()
    with pytest.raises(CommandError, match="not all could be fetched: 1 failed"):
        call_command(
            "backfill_candles",
            "--symbols=XYZUSDT,BTCUSDT",
            "--timeframes=1d",
            stdout=StringIO(),
            stderr=problems,
        )
    assert "binance does not list XYZUSDT" in problems.getvalue()
    assert len(stored(instance, exchange, "BTCUSDT", Timeframe.D1)) > 200
