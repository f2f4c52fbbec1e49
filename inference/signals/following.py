"""The market that the loop follows: its time, and the round of each timeframe.

Read by the loop alone; keeps times, does no input or output.
"""

from collections.abc import Iterable, Sequence

from inference.barred import NOBODY, Barred
from inference.signals.market_state import ClosedCandle
from inference.signals.moment import Moment
from inference.signals.rounds import LATE_MS, Round
from market.candles.store import venues_of
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import LIVE_TIME, LiveClock, MarketTime

SPARE_MS = 30_000
"""Market time for which `sig:` outlives the lateness of the next candle."""


class FollowedMarket:
    """One market from when it is first seen until another runs."""

    def __init__(
        self, market: MarketTime, symbols: tuple[str, ...], exchange: str, clock: LiveClock
    ) -> None:
        self.market = market
        self.rounds = {each: Round(each, symbols) for each in SIGNAL_TIMEFRAMES}
        self.barred: Barred = NOBODY
        self._venues = venues_of(market.venue, exchange)
        self._clock = clock
        self._newest_close_ms = 0.0
        self._arrivals: dict[tuple[Timeframe, str], float] = {}

    def bar(self, barred: Barred) -> None:
        """Take in what cannot be predicted now."""
        self.barred = barred
        for round_ in self.rounds.values():
            round_.bar(barred.symbols)

    @property
    def named(self) -> bool:
        """Whether a feed has said whose market runs."""
        return self.market is not LIVE_TIME

    @property
    def now_ms(self) -> float:
        """Market time. In lock-step, and a moment after a close, candles tell it."""
        market = self.market
        if market.lock_step:
            return max(self._newest_close_ms, market.market_ms)
        return max(self._newest_close_ms, market.market_at(self._clock.now_ms()))

    @property
    def moment(self) -> Moment:
        return Moment(self.market.venue, self.market.live, self.now_ms)

    def hear(self, candles: Iterable[ClosedCandle]) -> Sequence[ClosedCandle]:
        """Let candles tell the time; return those of this market."""
        ours = [candle for candle in candles if candle.venue in self._venues]
        self._newest_close_ms = max([self._newest_close_ms, *(each.close_ms for each in ours)])
        return ours

    def arrive(self, candles: Iterable[ClosedCandle]) -> None:
        """Hand candles to their rounds, which have been advanced to the time."""
        wall_ms = self._clock.now_ms()
        for candle in candles:
            round_ = self.rounds[candle.timeframe]
            round_.arrive(candle.symbol, candle.open_ms, wall_ms)
            if candle.open_ms == round_.open_ms:
                arrived = wall_ms if candle.arrived_ms is None else candle.arrived_ms
                self._arrivals[candle.timeframe, candle.symbol] = arrived

    def latencies_s(self, timeframe: Timeframe, symbols: Iterable[str]) -> list[float]:
        """Return how long ago the candles arrived of which signals are now out; once each."""
        wall_ms = self._clock.now_ms()
        arrivals = [self._arrivals.pop((timeframe, symbol), None) for symbol in symbols]
        return [max(0.0, wall_ms - at_ms) / 1e3 for at_ms in arrivals if at_ms is not None]

    def forget_arrivals(self, timeframe: Timeframe) -> None:
        for key in [key for key in self._arrivals if key[0] is timeframe]:
            del self._arrivals[key]

    def patience_ms(self, longest_ms: float) -> int:
        """Return for how much wall time nothing falls due by what has arrived."""
        wall_ms = self._clock.now_ms()
        waits = [round_.wait_ms(wall_ms) for round_ in self.rounds.values()]
        return round(min([longest_ms, *(wait for wait in waits if wait is not None)]))

    def life_ms(self, timeframe: Timeframe, open_ms: int) -> int:
        """Return the wall time for which a new signal of a candle is to stand in `sig:`."""
        return max(1_000, self.left_ms(timeframe, open_ms))

    def left_ms(self, timeframe: Timeframe, open_ms: int) -> int:
        """Return the same of one made before; 0 where its time is over."""
        until_ms = open_ms + 2 * timeframe.ms + LATE_MS + SPARE_MS
        left_ms = until_ms - self.now_ms
        return max(0, round(left_ms / (self.market.speed or 1.0)))
