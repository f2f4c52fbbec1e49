"""The strategy as a dry run drives it, run in freqtrade's environment: loaded, asked, judged.

Started by freqtrade_trial.py. Candles are made here, up to the one that closed last; freqtrade's
own resolver, analysis and reading of entry signals do the rest. Prints one JSON line.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pandas
from freqtrade.configuration import Configuration
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

PAIRS = ("BTC/USDT", "ETH/USDT")
LENGTH = pandas.Timedelta(minutes=15)


def candles(now: datetime) -> pandas.DataFrame:
    """Return the newest closed candles, flat."""
    newest = pandas.Timestamp(now).floor(LENGTH) - LENGTH
    dates = pandas.date_range(end=newest, periods=50, freq=LENGTH)
    frame = pandas.DataFrame({"date": dates})
    for name in ("open", "high", "low", "close"):
        frame[name] = 42_500.5
    return frame.assign(volume=1.0)


def stop_clock(strategy: Any, now: datetime) -> None:
    """Let the strategy's file take it to be `now`: signals stand for two minutes of fifteen."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    type(strategy).bot_loop_start.__globals__["datetime"] = Stopped


def main() -> int:
    configured = {"config": [sys.argv[1]], "strategy_path": sys.argv[2]}
    given = configured | {"strategy": "CryptositeStrategy", "user_data_dir": sys.argv[3]}
    config = Configuration(given, RunMode.DRY_RUN).get_config()
    strategy: Any = StrategyResolver.load_strategy(config)
    strategy.dp = DataProvider(config, None)
    now = datetime.fromisoformat(sys.argv[4]).astimezone(UTC)
    stop_clock(strategy, now)
    strategy.bot_loop_start(now)
    found = {}
    for pair in PAIRS:
        frame = strategy.analyze_ticker(candles(now), {"pair": pair})
        direction, tag = strategy.get_entry_signal(pair, strategy.timeframe, frame)
        found[pair] = [direction.value if direction else None, tag]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
