"""A market that runs on as a test lets it, with signals of it to grade."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inference.signals.entry import Said
from inference.vocabulary import Direction
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.signal_chore import SignalGrading
from predictions.models import SignalOutcome
from tests.candle_bars import CLOSE_MS
from tests.integration.ledger import FakeLayer
from tests.signal_loops import VENUE, make_signal

M1, M15, H1 = Timeframe.M1, Timeframe.M15, Timeframe.H1
END_MS = CLOSE_MS + 12 * M15.ms
QUIET = (100.0, 101.0, 99.0, 100.0)
UP = (100.0, 102.5, 99.0, 102.0)


@dataclass
class FakeClock:
    """Says whose time it is; set market_ms to let it pass."""

    market_ms: float = CLOSE_MS
    venue: str = VENUE
    live: bool = False
    known: bool = True

    def market_time(self) -> MarketTime | None:
        if not self.known:
            return None
        return MarketTime(self.venue, self.live, self.market_ms, 0.0, 0.0)


@dataclass
class Market:
    """A store, a clock and the chore over both."""

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)
    layer: FakeLayer = field(default_factory=FakeLayer)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.store = CandleStore(self.root)
        self.chore = self.start()

    def start(self) -> SignalGrading:
        """Return a chore as a start of the recorder makes it."""
        return SignalGrading(
            self.clock,
            self.store,
            "binance",
            10.0,
            OutcomeBroadcast(self.layer),
            wall_ms=lambda: CLOSE_MS + 5.0,
            monotonic=self._monotonic,
        )

    def _monotonic(self) -> float:
        self.seconds += 0.01
        return self.seconds

    def put(
        self,
        candles: CandleSeries,
        timeframe: Timeframe = M15,
        *,
        symbol: str = "BTCUSDT",
        **to: Any,
    ) -> None:
        venue = to.get("venue", VENUE)
        self.store.upsert(venue, symbol, timeframe, candles, closed_by_ms=np.inf)

    def at(self, market_ms: float) -> int:
        """Let time pass and the chore run until nothing waits; return how many outcomes are."""
        self.clock.market_ms = market_ms
        self.seconds += 60
        while self.chore.run():
            pass
        return SignalOutcome.objects.count()


def signal(**changes: Any) -> Said:
    """Return a LONG of 100 ± 2 as of CLOSE_MS, or as changed."""
    revision = changes.pop("revision", 0)
    side = -1 if changes.get("direction") is Direction.SHORT else 1
    levels: dict[str, Any] = {"risk": 2.0}
    if changes.get("direction") is not Direction.NO_TRADE:
        profits = make_signal().take_profits
        levels |= {
            "stop_loss": 100.0 - side * 2.0,
            "take_profits": tuple(
                type(each)(each.level, 100.0 + side * 2.0 * each.level) for each in profits
            ),
        }
    return Said(make_signal(**(levels | changes)), revision)
