"""What freqtrade does with what a ledger holds: its own backtest, our own web process.

Run by freqtrade.sh, from the project's environment. Signals are put into the log as a signal loop
would have, at their own time, stored by the recorder and served by the web process; markets come
from the fake exchange. freqtrade then backtests, and looks for look-ahead. Prints one JSON line;
exit status 1 where a trade was made that was not said, or one that was said was not made.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "cryptosite.settings"
django.setup()

import polars as pl
import redis

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.signals.entry import BatchEntry, Said
from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.api.signal_board import FRESH_SECONDS
from tests.environment import instance_environment
from tests.ports import free_port
from tests.signals import signal, store_state
from tests.waiting import eventually_sync
from tests.web_instance import WebInstance

FRAME = Timeframe.M15
COINS = ("BTCUSDT", "ETHUSDT")
FIRST, LAST = datetime(2024, 8, 1, tzinfo=UTC), datetime(2024, 8, 11, tzinfo=UTC)
EVERY_CANDLES = 20
RISK = 0.008
STRATEGY = ROOT / "docs" / "integrations" / "freqtrade"


@dataclass(frozen=True, slots=True)
class Way:
    """A way in which a candle is spoken of; a revision after so many seconds stands aside."""

    name: str
    entered: bool
    direction: Direction = Direction.LONG
    venue: str = "binance"
    made_s: float = 0.8
    logged_s: float = 1.0
    revised_s: float | None = None


WAYS = (
    Way("long", True),
    Way("no trade", False, direction=Direction.NO_TRADE),
    Way("revised later", True, revised_s=100),
    Way("of a replay", False, venue="replay/binance-spot-btcusdt/1"),
    Way("long", True),
    Way("made late", False, made_s=60, logged_s=60.2),
    Way("of another exchange", False, venue="coinbase"),
    Way("logged late", False, logged_s=60),
    Way("revised at once", False, revised_s=5),
    Way("short, on a spot market", False, direction=Direction.SHORT),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A trade that has to be there, along the candles that followed."""

    pair: str
    opened: datetime
    open_rate: float
    close_rate: float
    reason: str


def candles(folder: Path, coin: str) -> list[dict[str, Any]]:
    base = coin.removesuffix("USDT")
    frame = pl.read_ipc(folder / f"{base}_USDT-{FRAME}.feather")
    wanted = frame.filter(pl.col("date").is_between(FIRST, LAST, closed="left"))
    return wanted.to_dicts()


def spoken(rows: list[dict[str, Any]]) -> Iterator[tuple[int, Way]]:
    """Yield which candle is spoken of, and how; far enough apart that trades do not meet."""
    for number, index in enumerate(range(8, len(rows) - 14, EVERY_CANDLES)):
        yield index, WAYS[number % len(WAYS)]


def speak(client: redis.Redis, folder: Path) -> list[Expected]:
    """Put everything into the log as it would have been; return what is to be traded."""
    batches: list[tuple[float, BatchEntry]] = []
    expected = []
    for coin in COINS:
        rows = candles(folder, coin)
        for index, way in spoken(rows):
            close_ms = round(rows[index]["date"].timestamp() * 1000) + FRAME.ms
            price = rows[index]["close"]
            batches += _said(coin, close_ms, price, way)
            if way.entered:
                expected.append(_outcome(coin, rows[index + 1 :], price))
    for number, (logged_ms, entry) in enumerate(sorted(batches, key=lambda each: each[0])):
        entry.batch = entry.made_ms + number
        packed: dict[Any, Any] = {"entry": entry.pack()}
        client.xadd(keys.log("signals"), packed, id=f"{round(logged_ms)}-{number}")
    return expected


def _said(coin: str, close_ms: int, price: float, way: Way) -> Iterator[tuple[float, BatchEntry]]:
    says = [(0, way.direction, way.made_s, way.logged_s)]
    if way.revised_s is not None:
        says.append((1, Direction.NO_TRADE, way.revised_s, way.revised_s + 0.2))
    live = not way.venue.startswith("replay/")
    for revision, direction, made_s, logged_s in says:
        made_ms = round(close_ms + made_s * 1000)
        side = -1 if direction is Direction.SHORT else 1
        trades = direction is not Direction.NO_TRADE
        first = signal(coin, FRAME, at_ms=made_ms, direction=direction)
        levels: dict[str, Any] = {
            "entry": price,
            "risk": price * RISK,
            "stop_loss": price * (1 - side * RISK) if trades else None,
            "take_profits": tuple(
                type(each)(each.level, price * (1 + side * each.level * RISK))
                for each in first.take_profits
            ),
            "reason": SignalReason.NONE if trades else SignalReason.BELOW_THRESHOLD,
        }
        said = signal(
            coin, FRAME, at_ms=made_ms, direction=direction, venue=way.venue, live=live, **levels
        )
        entry = BatchEntry(
            venue=way.venue,
            live=live,
            batch=0,
            timeframe=FRAME,
            made_ms=made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=[Said(said, revision)],
            gaps=[],
        )
        yield close_ms + logged_s * 1000, entry


def _outcome(coin: str, after: list[dict[str, Any]], price: float) -> Expected:
    # Within one candle the stop comes first, as freqtrade and our own grading have it.
    stop, target = price * (1 - RISK), price * (1 + RISK)
    pair = f"{coin.removesuffix('USDT')}/USDT"
    opened, rate = after[0]["date"], after[0]["open"]
    for candle in after[:12]:
        if candle["low"] <= stop:
            return Expected(pair, opened, rate, min(stop, candle["open"]), "stop")
        if candle["high"] >= target:
            return Expected(pair, opened, rate, max(target, candle["open"]), "target")
    return Expected(pair, opened, rate, after[12]["open"], "horizon")


REASONS = {
    "roi": "target",
    "trailing_stop_loss": "stop",
    "stop_loss": "stop",
    "horizon": "horizon",
}


def differences(expected: list[Expected], trades: list[dict[str, Any]]) -> list[str]:
    """Return what was traded otherwise than said; empty where all is as it should be."""
    made = {(each["pair"], _moment(each["open_date"])): each for each in trades}
    found = [f"{key} was traded" for key in made.keys() - {(e.pair, e.opened) for e in expected}]
    for each in expected:
        trade = made.get((each.pair, each.opened))
        if trade is None:
            found.append(f"{each.pair} {each.opened} was not traded")
            continue
        ends = REASONS.get(trade["exit_reason"], trade["exit_reason"])
        same_end = ends == each.reason
        if not same_end or abs(trade["close_rate"] / each.close_rate - 1) > 1e-5:
            found.append(
                f"{each.pair} {each.opened}: {ends} at {trade['close_rate']}, "
                f"not {each.reason} at {each.close_rate}"
            )
        if abs(trade["open_rate"] / each.open_rate - 1) > 1e-9:
            found.append(f"{each.pair} {each.opened}: entered at {trade['open_rate']}")
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class Freqtrade:
    """freqtrade in its own environment, against the fake exchange's markets."""

    def __init__(self, program: str, folder: Path, data: Path, exchange: str, url: str) -> None:
        self._program, self._folder, self._data = program, folder, data
        self._environment = os.environ | {"CRYPTOSITE_URL": url}
        api = {name: f"{exchange}/api/v3" for name in ("public", "private")}
        api |= {"v1": f"{exchange}/api/v1", "sapi": f"{exchange}/sapi/v1"}
        # Set on top of ccxt's defaults: all but these two stays as Binance has it.
        ccxt = {"urls": {"api": api}, "options": {"fetchMarkets": {"types": ["spot"]}}}
        config = {
            "dry_run": True,
            "trading_mode": "spot",
            "stake_currency": "USDT",
            "stake_amount": 100,
            "max_open_trades": 5,
            "entry_pricing": {"price_side": "same"},
            "exit_pricing": {"price_side": "same"},
            "exchange": {
                "name": "binance",
                "pair_whitelist": [f"{coin.removesuffix('USDT')}/USDT" for coin in COINS],
                "ccxt_config": ccxt,
                "enable_ws": False,
            },
            "pairlists": [{"method": "StaticPairList"}],
        }
        self._config = folder / "config.json"
        self._config.write_text(json.dumps(config))

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        arguments = [self._program, command, "--config", str(self._config)]
        arguments += ["--userdir", str(self._folder), "--datadir", str(self._data)]
        arguments += ["--strategy", "CryptositeStrategy", "--strategy-path", str(STRATEGY)]
        arguments += ["--timerange", f"{FIRST:%Y%m%d}-{LAST:%Y%m%d}", "--fee", "0.001", *options]
        return subprocess.run(
            arguments, env=self._environment, capture_output=True, text=True, cwd=self._folder
        )

    def live(self, now_ms: int) -> dict[str, Any]:
        """Return what the strategy would enter at that time, by pair. Raises RuntimeError."""
        python = Path(self._program).with_name("python")
        arguments = [str(python), str(Path(__file__).with_name("freqtrade_live.py"))]
        arguments += [str(self._config), str(STRATEGY), str(self._folder)]
        arguments.append(datetime.fromtimestamp(now_ms / 1000, UTC).isoformat())
        done = subprocess.run(
            arguments, env=self._environment, capture_output=True, text=True, cwd=self._folder
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def trades(self) -> list[dict[str, Any]]:
        """Backtest; return every trade. Raises RuntimeError where freqtrade fails."""
        done = self.run("backtesting", "--export", "trades", "--cache", "none")
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        (archive,) = (self._folder / "backtest_results").glob("*.zip")
        with zipfile.ZipFile(archive) as files:
            name = f"{archive.stem}.json"
            results = json.loads(files.read(name))
        found: list[dict[str, Any]] = results["strategy"]["CryptositeStrategy"]["trades"]
        return found


def standing(
    client: redis.Redis, bot: Freqtrade, *, after_s: int, venue: str = "binance", live: bool = True
) -> dict[str, Any]:
    """Return what is entered so long after a close at which BTC was LONG and ETH NO_TRADE."""
    wall_ms = time.time() * 1000
    close_ms = FRAME.last_closed(wall_ms) + FRAME.ms
    now_ms = close_ms + after_s * 1000
    market = MarketTime(venue=venue, live=live, market_ms=now_ms, wall_ms=wall_ms, speed=1.0)
    client.hset(keys.clock(), mapping=market.to_hash())
    for coin, direction in zip(COINS, (Direction.LONG, Direction.NO_TRADE), strict=True):
        at_ms = close_ms + 800
        said = signal(coin, FRAME, at_ms=at_ms, direction=direction, venue=venue, live=live)
        store_state(client, said)
    time.sleep(2 * FRESH_SECONDS)
    return bot.live(now_ms)


def trial(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run everything once; return what came of it."""
    environment = instance_environment(folder / "var")
    server = RedisServer(locate(folder), find_program(), memory="64mb")
    port = free_port()
    command = [sys.executable, "manage.py", "fake_exchange", "--port", str(port)]
    command += ["--recordings", *arguments.recordings, "--symbols", *COINS]
    log = folder / "log"
    with server, log.open("ab") as output, redis.Redis.from_url(server.instance.url) as client:
        exchange = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            web = WebInstance(environment, redis_url=server.instance.url, log=log, pages=False)
            expected = speak(client, arguments.candles)
            recorder = [sys.executable, "manage.py", "run_recorder", "--once"]
            stored = environment | {"REDIS_URL": server.instance.url}
            subprocess.run(recorder, cwd=ROOT, env=stored, check=True, stdout=output, stderr=output)
            eventually_sync(lambda: _answers(port))
            user = folder / "user_data"
            user.mkdir()
            with web:
                bot = Freqtrade(
                    arguments.program, user, arguments.candles, f"http://127.0.0.1:{port}", web.url
                )
                trades = bot.trades()
                biased = bot.run(
                    *("lookahead-analysis", "--minimum-trade-amount", "5"),
                    *("--lookahead-analysis-exportfilename", str(user / "bias.csv")),
                )
                live = {
                    "in time": standing(client, bot, after_s=30),
                    "expired": standing(client, bot, after_s=125),
                    "of another exchange": standing(client, bot, after_s=30, venue="coinbase"),
                    "of a replay": standing(
                        client, bot, after_s=30, venue="replay/x/1", live=False
                    ),
                }
            alone = bot.run("backtesting", "--cache", "none")
        finally:
            exchange.terminate()
            exchange.wait()
    bias = (user / "bias.csv").read_text().splitlines() if (user / "bias.csv").exists() else []
    return {
        "expected": len(expected),
        "traded": len(trades),
        "ends": Counter(each["exit_reason"] for each in trades),
        "differences": differences(expected, trades),
        "lookahead": bias or (biased.stdout + biased.stderr)[-2_000:],
        "live": live,
        "without_instance": {
            "exit_status": alone.returncode,
            "said": "cryptosite does not answer" in alone.stdout + alone.stderr,
        },
    }


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="freqtrade, in its own environment")
    parser.add_argument("--candles", type=Path, required=True, help="folder of 15m feather files")
    parser.add_argument("--recordings", nargs="+", required=True, help="for the fake exchange")
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        outcome = trial(parser.parse_args(), Path(folder))
    print(json.dumps(outcome))
    entered = [way for way, pairs in outcome["live"].items() if any(d for d, _ in pairs.values())]
    as_said = not outcome["differences"] and outcome["traded"] and entered == ["in time"]
    return 0 if as_said else 1


if __name__ == "__main__":
    sys.exit(main())
