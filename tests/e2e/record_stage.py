"""A small history as recorders store it, for the pages of a signal and of a forecast.

One instance with its own Redis and database: candles in the store, signals and ticks handed over
in the logs, stored and graded by the recorder's own process.
"""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inference.forecasts.entry import TickEntry
from inference.signals.entry import BatchEntry, Said
from inference.signals.levels import levels
from inference.signals.signal import Signal
from inference.vocabulary import FORECASTS, SIGNALS, Direction, Reason, Role, SignalReason, Source
from market import keys
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.hot.vector import INDEX, TICK_MS
from tests.environment import instance_environment
from tests.integration.ledger import FIRST_TICK_MS, NAN, tick_entry
from tests.made_candles import walk
from tests.processes import Instance, running_instance
from tests.signal_loops import DAY_MS, VENUE, make_signal, set_clock
from tests.waiting import eventually_sync

M15 = Timeframe.M15
BEFORE, AFTER, TO_COME = 60, 14, 14
"""Candles of 15 minutes before DAY_MS, from there to the stage's now, and later ones."""
NOW_MS = DAY_MS + AFTER * M15.ms + 20_000
"""Market time of the stage: all twelve candles after DAY_MS are over."""
LAST_TICK = (NOW_MS - FIRST_TICK_MS) // TICK_MS
"""By the count of `tick_entry`: the newest tick whose time has come."""
WORTH = {"BTCUSDT": 620.0, "ETHUSDT": 24.0, "SOLUSDT": 1.4}
"""Price of 100 walked: coins of different ticks."""


@contextmanager
def simulated_instance(static: Path) -> Iterator[Instance]:
    """Give an instance of its own; static: files that were collected already."""
    # A short path: the name of a unix socket has room for hardly more.
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as folder:
        directory = Path(folder)
        environment = instance_environment(directory)
        with running_instance(directory, environment, MARKET_SOURCE="simulated") as instance:
            (directory / "static").symlink_to(static)
            yield instance


@dataclass
class Stage:
    """What was made: candles by symbol, and where it is all kept."""

    instance: Instance
    candles: dict[str, CandleSeries] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.instance.address

    def address(self, kind: str, where: str) -> str:
        """Return the page of the newest row of a kind for which a condition in SQL holds."""
        return f"{self.url}/{kind}s/{self.row(kind, where)}"

    def row(self, kind: str, where: str) -> int:
        query = f"SELECT max(id) FROM predictions_{kind} WHERE {where}"  # noqa: S608
        path = self.instance.directory / "cryptosite.sqlite3"
        with sqlite3.connect(path) as connection:
            found: int | None = connection.execute(query).fetchone()[0]
        if found is None:
            raise LookupError(f"no {kind} where {where}")
        return found

    def holds(self, kind: str, where: str) -> bool:
        try:
            return self.row(kind, where) > 0
        except LookupError:
            return False

    def graded(self, kind: str, row: int) -> bool:
        path = self.instance.directory / "cryptosite.sqlite3"
        query = f"SELECT 1 FROM predictions_{kind}outcome WHERE {kind}_id = ?"  # noqa: S608
        with sqlite3.connect(path) as connection:
            return connection.execute(query, (row,)).fetchone() is not None

    def set_clock(self, market_ms: float = NOW_MS, *, speed: float = 0.0) -> None:
        """Say what time it is in the market; by default it stands still."""
        with self.instance.client() as client:
            set_clock(client, market_ms, speed=speed)

    def record(self) -> "subprocess.Popen[bytes]":
        """Start the recorder's own process."""
        return self.instance.start("run_recorder")

    def hand_over(self, engine: str, *entries: TickEntry | BatchEntry) -> None:
        with self.instance.client() as client:
            for entry in entries:
                client.xadd(keys.log(engine), {"entry": entry.pack()})

    def say(self, *signals: Signal, revision: int = 0, number: int = 0) -> None:
        """Hand over a batch of signals, made when the first of them was."""
        made_ms = max(each.made_ms for each in signals)
        entry = BatchEntry(
            venue=VENUE,
            live=False,
            batch=made_ms + number,
            timeframe=signals[0].timeframe,
            made_ms=made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=[Said(each, revision) for each in signals],
            gaps=[],
        )
        self.hand_over(SIGNALS, entry)

    def tell(self, index: int, mid: float, **changes: Any) -> None:
        """Hand over the index-th tick."""
        self.hand_over(FORECASTS, a_tick(index, mid, **changes))

    def put_candles(self) -> None:
        store = CandleStore(self.instance.directory / "candles")
        for seed, (symbol, worth) in enumerate(WORTH.items()):
            made = _priced(symbol, worth, seed)
            store.upsert(VENUE, symbol, M15, made, closed_by_ms=np.inf)
            self.candles[symbol] = made

    def close(self, symbol: str, closed_ms: int) -> float:
        """Return the price at a candle's close."""
        made = self.candles[symbol]
        return float(made.close[np.searchsorted(made.open_ms, closed_ms - M15.ms)])

    def signal(self, symbol: str, closed_ms: int, direction: Direction, **changes: Any) -> Signal:
        """Return what is said at a close, with levels around its price and features by chance."""
        entry = self.close(symbol, closed_ms)
        risk = round(entry * changes.pop("risk", 0.012), 6)
        around = levels(direction, entry, risk)
        draws = np.random.default_rng(closed_ms // M15.ms)
        given: dict[str, Any] = {
            "direction": direction,
            "candle_open_ms": closed_ms - M15.ms,
            "entry": entry,
            "risk": risk,
            "stop_loss": around.stop_loss,
            "take_profits": around.take_profits,
            "features": tuple(draws.normal(0.0, 1.0, 14).round(6).tolist()),
        }
        return make_signal(symbol, M15, **(given | changes))


def a_tick(index: int, mid: float, **changes: Any) -> TickEntry:
    """Return a tick whose features are drawn by chance, and void where asked for."""
    draws = np.random.default_rng(index)
    features = draws.normal(0.0, 1.0, (1, 20))
    features[0, :2] = mid
    for name, value in changes.pop("features", {}).items():
        features[0, INDEX[name]] = value
    columns = {"p_up": 0.5, "p_flat": 0.12, "p_down": 0.38, "interval_low": 0.1}
    columns |= {"event_ts_ms": FIRST_TICK_MS + index * TICK_MS - 40.0}
    columns |= changes.pop("columns", {})
    given = {"venue": VENUE, "role": Role.BASELINE.value, "columns": columns, "features": features}
    return tick_entry(index, {"BTCUSDT": mid}, **(given | changes))


def fill(stage: Stage) -> None:
    """Hand over candles, signals of every kind, and some minutes of forecasts."""
    stage.put_candles()
    for back in range(40, 0, -1):
        closed_ms = DAY_MS - back * M15.ms
        stage.say(stage.signal("BTCUSDT", closed_ms, Direction.LONG))
    far = stage.signal("BTCUSDT", DAY_MS, Direction.LONG, role=Role.BASELINE)
    far = _changed(far, features=(9.5, -7.25, *far.features[2:]))
    quiet = stage.signal(
        "SOLUSDT", DAY_MS, Direction.NO_TRADE, reason=SignalReason.BELOW_THRESHOLD, confidence=0.41
    )
    stage.say(far, stage.signal("ETHUSDT", DAY_MS, Direction.SHORT), quiet)
    first = stage.signal("ETHUSDT", DAY_MS + M15.ms, Direction.SHORT, provisional=True)
    stage.say(first)
    stage.say(
        _changed(first, direction=Direction.LONG, provisional=False, made_ms=first.made_ms + 2_000),
        revision=1,
    )
    tardy = stage.signal("SOLUSDT", DAY_MS + M15.ms, Direction.LONG)
    stage.say(_changed(tardy, made_ms=tardy.valid_until_ms + 60_000))
    newest = DAY_MS + AFTER * M15.ms
    stage.say(stage.signal("BTCUSDT", newest, Direction.SHORT, confidence=0.61))
    stage.say(stage.signal("SOLUSDT", newest, Direction.LONG), number=1)
    tell_ticks(stage)
    stage.set_clock()


def tell_ticks(stage: Stage) -> None:
    """Hand over five minutes of ticks up to now, with a hole, a fallback and one that came late."""
    first = LAST_TICK - 150
    draws = np.random.default_rng(7)
    mids = 62_000 * np.exp(np.cumsum(draws.normal(0, 2e-5, 151)))
    for index, mid in zip(range(first, LAST_TICK + 1), mids.round(2).tolist(), strict=True):
        if first + 20 <= index < first + 30:
            continue  # what aims there has no price to be graded by
        changes: dict[str, Any] = {}
        if index == first + 60:
            changes = {"made_ms": FIRST_TICK_MS + index * TICK_MS + 11_000.0}
        if index == first + 80:
            void = dict.fromkeys(
                ("predicted_price", "lower", "upper", "p_up", "p_flat", "p_down"), NAN
            )
            changes = {
                "columns": void,
                "sources": [Source.ERROR.value],
                "reasons": [Reason.INCOMPLETE_FEATURES.value],
                "features": {"price_volatility": NAN, "momentum": NAN},
                "model_version": "v1-error",
            }
        stage.tell(index, mid, **changes)


def recorded(stage: Stage) -> bool:
    """Tell whether the recorder has stored and graded what could be by now."""
    try:
        said = stage.row("signal", f"symbol = 'BTCUSDT' AND candle_close = {DAY_MS}")
        tick = stage.row("forecast", f"tick = {FIRST_TICK_MS // TICK_MS + LAST_TICK - 50}")
        stage.row("forecast", f"tick = {FIRST_TICK_MS // TICK_MS + LAST_TICK}")
    except (LookupError, sqlite3.OperationalError):
        return False
    return stage.graded("signal", said) and stage.graded("forecast", tick)


def wait_until_recorded(stage: Stage) -> None:
    eventually_sync(lambda: recorded(stage))


def _changed(signal: Signal, **changes: Any) -> Signal:
    fields = {name: getattr(signal, name) for name in signal.__struct_fields__} | changes
    return Signal(**fields)


def _priced(symbol: str, worth: float, seed: int) -> CandleSeries:
    made = walk(
        BEFORE + AFTER + TO_COME, seed=seed + 3, step_ms=M15.ms, start_ms=DAY_MS - BEFORE * M15.ms
    )
    digits = {"BTCUSDT": 1, "ETHUSDT": 2, "SOLUSDT": 3}[symbol]
    prices = {
        name: (getattr(made, name) * worth).round(digits)
        for name in ("open", "high", "low", "close")
    }
    return CandleSeries(made.open_ms, **prices, volume=made.volume, provisional=made.provisional)
