"""`manage.py import_candles` on real files: with Redis, without it, and what it says."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from market import keys
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.recordings import CANDLES, candle_file


@pytest.fixture
def store(tmp_path, settings) -> CandleStore:
    settings.CANDLES_DIR = tmp_path / "candles"
    return CandleStore(settings.CANDLES_DIR)


def run(*arguments):
    out = io.StringIO()
    call_command("import_candles", "--json", *map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


def test_import_of_a_whole_folder_of_real_candles(clean_redis, store):
    candle_file("BTC", "1h")  # skips where there is no data

    report = run(*(CANDLES / timeframe for timeframe in SIGNAL_TIMEFRAMES))

    assert len(report["datasets"]) == 136 and not report["errors"]
    assert all(set(each["refused"]) == {"last_row"} for each in report["datasets"])
    for symbol in DEFAULT_SIGNAL_SYMBOLS:
        candles = store.read(("binance",), symbol, Timeframe.D1)
        assert len(candles) in (248, 249)
        assert store.gaps("binance", symbol, Timeframe.D1) == []
    assert report["announced"] == clean_redis.xlen(keys.candles_closed()) == 136
    told = [fields for _, fields in clean_redis.xrange(keys.candles_closed())]
    assert {(each["venue"], each["provisional"]) for each in told} == {("binance", "0")}
    hour = next(each for each in told if (each["symbol"], each["timeframe"]) == ("BTCUSDT", "1h"))
    newest = store.read(("binance",), "BTCUSDT", Timeframe.H1, count=1)
    assert int(hour["open_ms"]) == newest.open_ms[0]


def test_import_again_announces_nothing(clean_redis, store):
    path = candle_file("BTC", "1d")
    run(path)

    report = run(path)

    assert report["datasets"][0]["unchanged"] == 248
    assert report["announced"] == 0
    assert clean_redis.xlen(keys.candles_closed()) == 1


def test_import_fails_where_a_file_could_not_be_read_yet_imports_the_rest(
    clean_redis, store, tmp_path
):
    (tmp_path / "ETHUSDT-1h.csv").write_text(
        "date,open,high,low,close,volume\n1704067200,1,2,1,2,3"
    )
    (tmp_path / "BTCUSDT-1h.feather").write_text("no such thing")
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 failed") as failure:
        call_command("import_candles", str(tmp_path), "--keep-last", "--json", stdout=out)

    assert failure.value.returncode == 1
    report = json.loads(out.getvalue())
    assert report["imported"] == 1 and "BTCUSDT-1h.feather" in report["errors"][0]
    assert len(store.read(("binance",), "ETHUSDT", Timeframe.H1)) == 1


def test_import_works_without_redis(store, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"

    report = run(candle_file("BTC", "1d"), "--keep-last")

    assert report["announced"] is None
    assert len(store.read(("binance",), "BTCUSDT", Timeframe.D1)) == 249


def test_import_of_zipped_daily_candles_needs_their_name(clean_redis, store, capsys):
    daily = CANDLES.parent / "daily"
    candle_file("BTC", "1d")

    with pytest.raises(CommandError, match="no candle"):
        run(daily)
    assert "--symbol and --timeframe" in capsys.readouterr().err

    report = run(daily, "--symbol", "BTC-USDT", "--timeframe", "1d", "--venue", "coinbase")
    (dataset,) = report["datasets"]
    assert (dataset["imported"], dataset["gaps"], dataset["missing"]) == (1317, 8, 34)
    assert len(store.read(("coinbase",), "BTCUSDT", Timeframe.D1)) == 1317


def test_import_prints_a_table_with_reasons(clean_redis, store, tmp_path):
    path = tmp_path / "ETH_USDT-1h.csv"
    rows = ["date,open,high,low,close,volume", "2024-01-01 00:00,1,2,1,2,3", "soon,1,2,1,2,3"]
    path.write_text("\n".join(rows))
    out = io.StringIO()

    call_command("import_candles", str(path), "--keep-last", stdout=out)

    table = out.getvalue()
    assert "ETHUSDT" in table and "1 time_unreadable" in table
    assert "the time cannot be read" in table


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--symbol", "!", "BTCUSDT"),
        ("--timeframe", "2h", "1m, 5m, 15m"),
        ("--timezone", "Mars/Base", "Mars/Base"),
        ("--venue", "..", "venue"),
    ],
)
def test_import_with_a_bad_option_is_refused(store, tmp_path: Path, option, value, named):
    with pytest.raises(CommandError, match=named):
        run(tmp_path, option, value)
