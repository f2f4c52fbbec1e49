"""One timeframe's rounds: who is waited for at a candle close, and when a batch is due.

Pure bookkeeping on times that the loop gives; read by the loop alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from inference.signals.entry import BatchEntry
from market.candles.timeframes import Timeframe

GRACE_MS = 250.0
"""Wall time after the last arrival for which the others are waited for."""

LONGEST_WAIT_MS = 500.0
"""Wall time after the first arrival: a signal is to follow its candle within a second."""

LATE_MS = 30_000
"""Market time after its close at which a candle that has not come is late."""


@dataclass(frozen=True, slots=True)
class Due:
    """A batch to make now, of the candle opened at open_ms.

    arrived: those whose candle is known to have come. final: what has not come is late.
    """

    open_ms: int
    symbols: tuple[str, ...]
    arrived: frozenset[str]
    final: bool


@dataclass(slots=True)
class Round:
    """The newest closed candle of one timeframe. Times: market ms, arrivals in wall ms."""

    timeframe: Timeframe
    symbols: tuple[str, ...]
    open_ms: int | None = None
    missed: int = 0
    told: dict[str, str] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    _since_ms: float = 0.0
    _waiting: set[str] = field(default_factory=set)
    _arrived: set[str] = field(default_factory=set)
    _changed: dict[str, float] = field(default_factory=dict)
    _heard: dict[str, int] = field(default_factory=dict)
    _turned: set[str] = field(default_factory=set)
    _attempt: bool = False
    _final: bool = False
    _retry: bool = False

    def advance(self, now_ms: float) -> bool:
        """Go on to the newest closed candle; whether there is a new one.

        Candles in between, which nobody will hear of, are added to `missed`.
        """
        newest = self.timeframe.last_closed(now_ms)
        if self.open_ms is not None and newest <= self.open_ms:
            return False
        skipped = self.open_ms is None or newest > self.open_ms + self.timeframe.ms
        self.open_ms = newest
        # Seen late, after sleep or a start: the feed gets its time to catch up.
        self._since_ms = max(now_ms, newest + self.timeframe.ms)
        self._attempt = skipped
        self._final = False
        self._waiting, self._arrived = set(self.symbols), set()
        self._changed.clear()
        self.told.clear()
        for symbol, heard in self._heard.items():
            self.missed += max(0, (newest - heard) // self.timeframe.ms - 1)
            self._heard[symbol] = max(heard, newest - self.timeframe.ms)
        return True

    def arrive(self, symbol: str, open_ms: int, wall_ms: float) -> None:
        """Take in that a candle was stored: the newest, or an older one that changes it."""
        if symbol not in self.symbols:
            return
        self._changed[symbol] = wall_ms
        if open_ms == self.open_ms:
            self._arrived.add(symbol)

    def bar(self, symbols: Iterable[str]) -> None:
        """Take in which coins are not traded now: nobody waits for their candles.

        Those of whom that is new are told of at once; those that are traded again are asked for.
        """
        barred = frozenset(symbols).intersection(self.symbols)
        self._turned |= barred ^ self.barred
        if not self._final:
            self._waiting |= self.barred - barred
        self.barred = barred

    def try_again(self) -> None:
        """Make at once what can be made from what is stored: messages may have been lost."""
        self._attempt = True

    def try_told(self) -> None:
        """Ask again for coins that have none: a model may have come, or a candle unannounced."""
        self._retry = True

    def heard(self, symbol: str, open_ms: int) -> None:
        """Take in that a signal was made, or a reason was told, for a candle."""
        self._heard[symbol] = max(open_ms, self._heard.get(symbol, open_ms))
        if open_ms == self.open_ms:
            self._waiting.discard(symbol)

    def written(self, entry: BatchEntry) -> None:
        """Take in a batch that was written: what it says, and which reasons it tells."""
        self.missed = 0
        for said in entry.signals:
            self.heard(said.signal.symbol, said.signal.candle_open_ms)
            self.told.pop(said.signal.symbol, None)
        for gap in entry.gaps:
            self.heard(gap.symbol, gap.candle_open_ms)
            self.told[gap.symbol] = gap.code

    def due(self, now_ms: float, wall_ms: float) -> Due | None:
        """Return the batch that is to be made now, if any; what it names is asked for once."""
        if self.open_ms is None:
            return None
        if not self._final and self._waiting and now_ms >= self._since_ms + LATE_MS:
            self._final = True
            return self._take(self._waiting, final=True)
        if self._attempt:
            self._attempt = False
            return self._take(self._waiting, final=self._final)
        if self._turned:
            turned, self._turned = self._turned, set()
            return self._take(turned, final=self._final)
        if self._changed and self._gathered(wall_ms):
            return self._take((), final=False)
        if self._retry:
            self._retry = False
            return self._take(self.told, final=False)
        return None

    def wait_ms(self, wall_ms: float) -> float | None:
        """Return in how many ms of wall time a batch falls due by what has arrived, else None."""
        if not self._changed:
            return None
        return max(0.0, self._gathered_at() - wall_ms)

    @property
    def waiting(self) -> frozenset[str]:
        return frozenset(self._waiting)

    def _gathered(self, wall_ms: float) -> bool:
        everyone = bool(self._waiting) and self._waiting <= self._arrived | self.barred
        return everyone or wall_ms >= self._gathered_at()

    def _gathered_at(self) -> float:
        times = self._changed.values()
        return min(max(times) + GRACE_MS, min(times) + LONGEST_WAIT_MS)

    def _take(self, symbols: Iterable[str], *, final: bool) -> Due | None:
        chosen = {*symbols, *self._changed}
        self._changed.clear()
        if not chosen or self.open_ms is None:
            return None
        chosen |= self._waiting & self.barred
        ordered = tuple(symbol for symbol in self.symbols if symbol in chosen)
        return Due(self.open_ms, ordered, frozenset(self._arrived), final)
