"""What all signals cost: 34 coins × 4 timeframes from stored candles.

    python benchmarks/signals.py

cold: a fresh process, after its imports: settings aside, it opens the store, finds and loads
the networks with all their checks, reads 136 datasets, computes indicators, runs, and has 136
signals. fresh: the same process later, when a day has closed for all of them: candles are read
and indicators computed anew, networks are in memory. warm: it is asked again, no dataset has
changed: 136 looks at datasets, the networks run on kept windows, and 136 signals with levels
are made anew; indicators are not, which the floor's are, so that its ratio can be below 1.
floor: TA-Lib's bare functions on ready arrays of 210 candles, 136 times, and one bare
`session.run` a network on ready windows.

The candles are random walks of realistic lengths (a part of the newest month or year holds up
to 2,976 rows). Networks are the shipped ones; where there are none, stand-ins of the same
architecture. Rounds of warm, fresh and floor alternate; figures are medians.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import talib

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_manifest import OUTPUT_NAME, SYMBOL_INPUT, WINDOW_INPUT
from inference.artefacts.signal_registry import ModelRegistry
from inference.signals.moment import Moment
from inference.signals.service import InferenceService
from inference.signals.signal import Signal
from market.candles.indicators import CANDLES_NEEDED
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS

VENUE = "binance"
CLOSED_MS = 1_725_062_400_000
"""2024-08-31 00:00 UTC: the newest month is nearly full, as on a bad day."""
DAY_MS = Timeframe.D1.ms
ROUNDS = 15
COLD_RUNS = 5
STORED = {Timeframe.M15: 6_000, Timeframe.H1: 3_000, Timeframe.H4: 1_500, Timeframe.D1: 400}


def random_walk(timeframe: Timeframe, seed: int) -> CandleSeries:
    """Return candles up to CLOSED_MS, and those of ROUNDS + 1 days after it."""
    later = (ROUNDS + 1) * DAY_MS // timeframe.ms
    count = STORED[timeframe] + later
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, count)))
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, 0.002, count)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, 0.002, count)))
    newest_ms = CLOSED_MS + later * timeframe.ms
    open_ms = newest_ms - timeframe.ms * np.arange(count, 0, -1, dtype=np.int64)
    return CandleSeries(
        open_ms, opened, high, low, close, rng.lognormal(5, 1, count), np.zeros(count, np.bool_)
    )


def store_candles(root: Path) -> None:
    store = CandleStore(root / "candles")
    for number, symbol in enumerate(DEFAULT_SIGNAL_SYMBOLS):
        for timeframe in SIGNAL_TIMEFRAMES:
            store.upsert(VENUE, symbol, timeframe, random_walk(timeframe, number))


def service(root: Path, models: Path) -> InferenceService:
    return InferenceService(
        ModelRegistry(models, root / "var"),
        CandleStore(root / "candles"),
        VENUE,
        lambda: Moment("external", True, CLOSED_MS + 1_000.0),
    )


def all_signals(asked: InferenceService, days: int = 0) -> list[Signal]:
    moment = Moment("external", True, CLOSED_MS + days * DAY_MS + 1_000.0)
    answers = asked.predict_all(DEFAULT_SIGNAL_SYMBOLS, moment=moment)
    signals = [answer for answer in answers if isinstance(answer, Signal)]
    assert len(signals) == len(DEFAULT_SIGNAL_SYMBOLS) * len(SIGNAL_TIMEFRAMES), answers
    return signals


class Floor:
    """Ready arrays; nothing is read, checked, scaled into features or turned into signals."""

    def __init__(self, root: Path, asked: InferenceService) -> None:
        store = CandleStore(root / "candles")
        self._series = [
            store.read((VENUE,), symbol, timeframe, closed_by_ms=CLOSED_MS, count=CANDLES_NEEDED)
            for timeframe in SIGNAL_TIMEFRAMES
            for symbol in DEFAULT_SIGNAL_SYMBOLS
        ]
        self._runs: list[tuple[Any, dict[str, Any]]] = []
        rng = np.random.default_rng(0)
        for timeframe in SIGNAL_TIMEFRAMES:
            batches: dict[int, list[Any]] = {}
            for symbol in DEFAULT_SIGNAL_SYMBOLS:
                model = asked.registry.model(symbol, timeframe)
                batches.setdefault(id(model.network), []).append(model)
            for models in batches.values():
                feed = {WINDOW_INPUT: rng.normal(0, 1, (len(models), 60, 14)).astype(np.float32)}
                if models[0].network.takes_symbol:
                    feed[SYMBOL_INPUT] = np.array([model.index for model in models])
                self._runs.append((models[0].network.session, feed))

    def run(self) -> None:
        for series in self._series:
            high, low, close = series.high, series.low, series.close
            talib.RSI(close, 14)
            talib.MACD(close, 12, 26, 9)
            talib.ATR(high, low, close, 14)
            talib.EMA(close, 12)
            talib.EMA(close, 26)
            talib.SMA(close, 100)
            talib.BBANDS(close, 20, 2.0, 2.0)
            talib.ADX(high, low, close, 14)
            talib.STOCH(high, low, close, fastk_period=14, slowk_period=3, slowd_period=3)
            talib.MFI(high, low, close, series.volume, 14)
        for session, feed in self._runs:
            session.run([OUTPUT_NAME], feed)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / 1e6


def cold(root: Path, models: Path) -> None:
    """What the child process does: nothing but the work, then its time."""
    print(timed(lambda: all_signals(service(root, models))))


def cold_runs(root: Path, models: Path) -> list[float]:
    command = [sys.executable, __file__, "--cold", str(root), str(models)]
    return [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(COLD_RUNS)
    ]


def models_folder(root: Path) -> tuple[Path, str]:
    """Return the shipped networks' folder, or stand-ins under `root` where it lacks any."""
    registry = ModelRegistry(ROOT / "models", root / "none")
    keys = [(symbol, tf) for tf in SIGNAL_TIMEFRAMES for symbol in DEFAULT_SIGNAL_SYMBOLS]
    if not any(isinstance(found, ArtefactError) for found in registry.models(keys)):
        return ROOT / "models", "shipped"
    from benchmarks.stand_ins import write_stand_ins

    write_stand_ins(root / "models")
    return root / "models", "stand-ins"


def measure(root: Path) -> dict[str, Any]:
    store_candles(root)
    models, networks = models_folder(root)
    cold_ms = median(cold_runs(root, models))
    asked = service(root, models)
    all_signals(asked)
    floor = Floor(root, asked)
    taken: dict[str, list[float]] = {"warm": [], "fresh": [], "floor": []}
    for day in range(1, ROUNDS + 1):
        taken["floor"].append(timed(floor.run))
        work = partial(all_signals, asked, day)
        taken["fresh"].append(timed(work))
        taken["warm"].append(timed(work))
    warm_ms, floor_ms = median(taken["warm"]), median(taken["floor"])
    return {
        "coins": len(DEFAULT_SIGNAL_SYMBOLS),
        "timeframes": len(SIGNAL_TIMEFRAMES),
        "networks": networks,
        "cold_ms": round(cold_ms, 1),
        "fresh_ms": round(median(taken["fresh"]), 1),
        "warm_ms": round(warm_ms, 2),
        "floor_ms": round(floor_ms, 2),
        "ratio_to_floor": round(warm_ms / floor_ms, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args().cold
    if chosen:
        cold(*chosen)
        return
    with tempfile.TemporaryDirectory(prefix="signals-") as root:
        print(json.dumps(measure(Path(root))))


if __name__ == "__main__":
    main()
