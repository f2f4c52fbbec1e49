"""The freqtrade strategy's own parts, without freqtrade: what it refuses, and what it asks.

With freqtrade itself: docs/integrations/trials/freqtrade.sh.
"""

import importlib.util
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pandas
import pytest

from predictions.downloads.csv_encoding import CsvEncoder
from predictions.downloads.tables import SIGNALS as SIGNAL_TABLE
from tests.signals import signal

FILE = Path(__file__).resolve().parents[2] / "docs/integrations/freqtrade/CryptositeStrategy.py"
CLOSE = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPEN = CLOSE - timedelta(minutes=15)


class FakeInstance(HTTPServer):
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, b""
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeInstance

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, parse_qs(parts.query)))
        self.server.tokens.append(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def instance() -> Iterator[FakeInstance]:
    server = FakeInstance()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def strategy_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The strategy's module, with the few names of freqtrade that it takes."""

    class Interface:
        def __init__(self, config: dict[str, Any]) -> None:
            self.dp: Any = None

    names: dict[str, dict[str, Any]] = {
        "freqtrade": {},
        "freqtrade.exceptions": {"OperationalException": RuntimeError},
        "freqtrade.persistence": {"Trade": SimpleNamespace(get_trades_proxy=lambda **_: [])},
        "freqtrade.strategy": {"IStrategy": Interface, "stoploss_from_absolute": None},
    }
    for name, held in names.items():
        module = ModuleType(name)
        vars(module).update(held)
        monkeypatch.setitem(sys.modules, name, module)
    spec: Any = importlib.util.spec_from_file_location("CryptositeStrategy", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "CryptositeStrategy", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make(strategy_file: Any, instance: FakeInstance, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a strategy in a run mode that reads the fake instance."""

    def made(runmode: str, **environment: str) -> Any:
        for name, value in ({"CRYPTOSITE_URL": instance.url} | environment).items():
            monkeypatch.setenv(name, value)
        strategy = strategy_file.CryptositeStrategy({"exchange": {"name": "binance"}})
        strategy.dp = SimpleNamespace(runmode=SimpleNamespace(value=runmode))
        return strategy

    return made


def frame(*opens: datetime) -> pandas.DataFrame:
    return pandas.DataFrame({"date": pandas.to_datetime(list(opens), utc=True)})


def entries(strategy: Any, dataframe: pandas.DataFrame) -> list[int]:
    metadata = {"pair": "BTC/USDT"}
    shown = strategy.populate_entry_trend(
        strategy.populate_indicators(dataframe, metadata), metadata
    )
    return [int(value) for value in shown["enter_long"]]


def item(now: datetime, **changes: Any) -> dict[str, Any]:
    """Return an item of /api/predictions as the server makes it."""
    said = signal(at_ms=now.timestamp() * 1000, venue="binance", live=True)
    return said.item(now.timestamp() * 1000) | changes


def answer(now: datetime, *items: dict[str, Any]) -> bytes:
    return orjson.dumps({"timestamp": now.isoformat(), "predictions": items})


def candle_of(shown: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(shown["candle_open"])


def fresh(**changes: Any) -> dict[str, Any]:
    """Return a signal whose validity, unless it is changed, lasts another minute."""
    now = datetime.now(UTC)
    until = (now + timedelta(minutes=1)).isoformat()
    return item(now, valid_until=until, made_at=now.isoformat()) | changes


def row(**changes: str) -> dict[str, str]:
    """Return a row of the ledger's CSV."""
    return {
        "symbol": "BTCUSDT",
        "direction": "LONG",
        "venue": "binance",
        "live": "true",
        "role": "champion",
        "candle_open": OPEN.isoformat(),
        "candle_close": CLOSE.isoformat(),
        "valid_until": (CLOSE + timedelta(minutes=2)).isoformat(),
        "made_at": (CLOSE + timedelta(seconds=1)).isoformat(),
        "logged_at": (CLOSE + timedelta(seconds=1.2)).isoformat(),
        "revision": "0",
        "entry": "100.0",
        "stop_loss": "99.0",
        "take_profit_1": "101.0",
        "take_profit_2": "102.0",
        "take_profit_3": "103.0",
    } | changes


def test_rows_columns_are_those_of_the_ledgers_download() -> None:
    header = CsvEncoder(SIGNAL_TABLE.columns, "").end().decode().strip().split(",")
    assert set(row()) <= set(header)


def test_live_signal_is_entered_on_its_own_candle_alone(make: Any, instance: FakeInstance) -> None:
    shown = fresh()
    instance.body = answer(datetime.now(UTC), shown)
    strategy = make("dry_run", CRYPTOSITE_TOKEN="secret")
    strategy.bot_loop_start(CLOSE)
    newest = candle_of(shown)
    assert entries(strategy, frame(newest - timedelta(minutes=15), newest)) == [0, 1]
    assert instance.asked == [("/api/predictions", {"timeframe": ["15m"]})]
    assert instance.tokens == ["Bearer secret"]


@pytest.mark.parametrize(
    "changes",
    [
        {"live": False, "venue": "replay/binance-spot-btcusdt/1"},
        {"live": None},
        {"venue": "coinbase"},
        {"direction": "NO_TRADE", "stop_loss": None, "take_profits": []},
        {"valid_until": datetime.now(UTC).isoformat()},
    ],
    ids=["replay", "unknown", "other exchange", "no trade", "expired"],
)
def test_signal_that_may_not_be_entered_is_refused(
    make: Any, instance: FakeInstance, changes: dict[str, Any]
) -> None:
    shown = fresh(**changes)
    instance.body = answer(datetime.now(UTC), shown)
    strategy = make("live")
    strategy.bot_loop_start(CLOSE)
    assert entries(strategy, frame(candle_of(shown))) == [0]


def test_signal_is_expired_where_the_instances_clock_says_so(
    make: Any, instance: FakeInstance
) -> None:
    shown = fresh()
    instance.body = answer(datetime.now(UTC) + timedelta(minutes=2), shown)
    strategy = make("live")
    strategy.bot_loop_start(CLOSE)
    assert entries(strategy, frame(candle_of(shown))) == [0]


@pytest.mark.parametrize(
    ("status", "body"), [(401, b"{}"), (200, b"<html>"), (200, b'{"predictions": [{}]}')]
)
def test_instance_that_does_not_answer_trades_nothing_and_is_told_of_once(
    make: Any,
    instance: FakeInstance,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: bytes,
) -> None:
    shown = fresh()
    instance.body = answer(datetime.now(UTC), shown)
    strategy = make("live")
    strategy.bot_loop_start(CLOSE)
    instance.status, instance.body = status, body
    for _ in range(3):
        strategy.bot_loop_start(CLOSE)
        assert entries(strategy, frame(candle_of(shown))) == [0]
    assert len(caplog.records) == 1


def csv_of(*rows: dict[str, str]) -> bytes:
    lines = [",".join(row()), *(",".join(each.values()) for each in rows)]
    return "\r\n".join(lines).encode()


def test_backtest_reads_the_ledger_as_it_stood_at_the_end_of_its_data(
    make: Any, instance: FakeInstance
) -> None:
    instance.body = csv_of(row())
    later = OPEN + timedelta(minutes=15)
    assert entries(make("backtest"), frame(OPEN, later)) == [1, 0]
    ((path, asked),) = instance.asked
    assert path == "/api/signals"
    assert asked["as_of"] == ["2026-01-01T12:15:15+00:00"]
    assert asked["from"] == [OPEN.isoformat()]
    assert (asked["live"], asked["symbol"]) == (["true"], ["BTCUSDT"])


def later(seconds: float) -> str:
    return (CLOSE + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("rows", "entered"),
    [
        ([row(made_at=later(60), logged_at=later(60))], 0),
        ([row(logged_at=later(60))], 0),
        ([row(live="false", venue="simulated/1")], 0),
        ([row(role="shadow")], 0),
        ([row(), row(revision="1", direction="NO_TRADE", logged_at=later(100))], 1),
        ([row(), row(revision="1", direction="NO_TRADE", logged_at=later(5))], 0),
        ([row(direction="NO_TRADE"), row(revision="1", logged_at=later(5))], 1),
    ],
    ids=[
        "made late",
        "logged late",
        "simulated",
        "shadow",
        "revised later",
        "revised at once",
        "called at once",
    ],
)
def test_backtest_enters_on_what_had_been_said_right_after_the_close(
    make: Any, instance: FakeInstance, rows: list[dict[str, str]], entered: int
) -> None:
    instance.body = csv_of(*rows)
    assert entries(make("backtest"), frame(OPEN)) == [entered]


def test_backtest_without_the_instance_fails_instead_of_trading_nothing(
    make: Any, instance: FakeInstance
) -> None:
    instance.status = 503
    with pytest.raises(RuntimeError, match="does not answer"):
        entries(make("backtest"), frame(OPEN))


@pytest.mark.parametrize(("rate", "confirmed"), [(100.0, True), (98.9, False), (101.0, False)])
def test_entry_beyond_stop_or_target_is_not_confirmed(
    make: Any, instance: FakeInstance, rate: float, confirmed: bool
) -> None:
    instance.body = csv_of(row())
    strategy = make("backtest")
    entries(strategy, frame(OPEN))
    tag = "2026-01-01T12:00Z LONG r0"
    asked = ("BTC/USDT", "limit", 1.0, rate, "GTC", CLOSE, tag, "long")
    assert strategy.confirm_trade_entry(*asked) is confirmed
    assert strategy.confirm_trade_entry(*asked[:6], "another tag", "long") is False


def test_target_that_is_none_is_refused(make: Any) -> None:
    with pytest.raises(RuntimeError, match="CRYPTOSITE_TARGET=4: must be 1, 2 or 3"):
        make("live", CRYPTOSITE_TARGET="4")
