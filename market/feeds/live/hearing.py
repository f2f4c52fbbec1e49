"""What was heard of each symbol: passed on to the cells once, in order, while it may speak.

A symbol speaks while all of its streams' connections live. Belongs to the loop's thread.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from market.events import (
    AnyEvent,
    BookTicker,
    CandleClosed,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Heartbeat,
    Trade,
)
from market.feeds.live.cells import Cells
from market.feeds.live.link import Stream

NONE_YET = -1
BEAT_NS = 900_000_000


class Heard:
    """One symbol. Ids and receive times (ns) are of the newest that was passed on, by stream;
    anchor_id: of the newest snapshot. era: counts breaks, so that late answers are known.
    told_trade_id: what another stream said first; behind_ns: since when it has known of a trade
    that never came, 0 while it does not. waits_for: the dead stream for which it is silent.
    """

    __slots__ = (
        "anchor_id",
        "behind_ns",
        "depth_id",
        "depth_ns",
        "era",
        "last_ns",
        "since_ns",
        "speaks",
        "symbol",
        "ticker",
        "told_trade_id",
        "top_ns",
        "trade_id",
        "waits_for",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.speaks = False
        self.era = 0
        self.begin(0)

    def begin(self, now_ns: int) -> None:
        """Forget what was heard: ids may begin anew."""
        self.depth_id = self.trade_id = self.anchor_id = self.told_trade_id = NONE_YET
        self.behind_ns = 0
        self.waits_for: Stream | None = None
        self.ticker: BookTicker | None = None
        self.depth_ns = self.top_ns = self.last_ns = self.since_ns = now_ns


class Hearing:
    """All symbols of a feed. sequenced: ids tell what was missed and what came twice.

    frames: how many events came, of whatever connection.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        cells: Cells,
        counters: Counter[str],
        faults: Counter[str],
        *,
        sequenced: bool,
    ) -> None:
        self.symbols: Mapping[str, Heard] = {symbol: Heard(symbol) for symbol in symbols}
        self.cells = cells
        self.counters = counters
        self.faults = faults
        self.sequenced = sequenced
        self.frames = 0

    def speak(self, symbols: Iterable[str], now_ns: int) -> None:
        """Their connection is there: what is heard of them is passed on from now on."""
        for symbol in symbols:
            heard = self.symbols.get(symbol)
            if heard is not None and not heard.speaks:
                heard.begin(now_ns)
                heard.speaks = True

    def silence(self, symbols: Iterable[str], now_ns: int) -> None:
        """Their connection broke: nothing of them is passed on until it is there again."""
        for symbol in symbols:
            heard = self.symbols.get(symbol)
            if heard is not None and heard.speaks:
                heard.speaks = False
                heard.era += 1
                self.cells.add(Disconnected(symbol, now_ns, None))

    def mistrust(self, symbol: str, now_ns: int) -> None:
        """What was heard of it may be old: its book and windows begin anew."""
        if self.symbols[symbol].speaks:
            self.silence([symbol], now_ns)
            self.speak([symbol], now_ns)

    def wait_for(self, symbol: str, stream: Stream, now_ns: int) -> None:
        """Keep a symbol silent until its dead stream speaks."""
        self.silence([symbol], now_ns)
        self.symbols[symbol].waits_for = stream

    def anchor(self, snapshot: DepthSnapshot) -> None:
        """Pass on a snapshot that was asked for."""
        self.symbols[snapshot.symbol].anchor_id = snapshot.last_id
        self.cells.add(snapshot)

    def beat(self, symbols: Iterable[str], proof_ns: int) -> None:
        """Say of silent symbols that their connection was proved alive at `proof_ns`."""
        for symbol in symbols:
            heard = self.symbols.get(symbol)
            if heard is not None and heard.speaks and proof_ns - heard.last_ns > BEAT_NS:
                heard.last_ns = proof_ns
                self.cells.add(Heartbeat(symbol, max(proof_ns, self.cells.last_ns), None))


class HeardOver:
    """The sink of one connection. last_ns: when the newest event came."""

    def __init__(self, hearing: Hearing, now_ns: int) -> None:
        self._hearing = hearing
        self._symbols = hearing.symbols
        self._add, self._add_candle = hearing.cells.add, hearing.cells.add_candle
        self._counters, self._faults = hearing.counters, hearing.faults
        self._sequenced = hearing.sequenced
        self.last_ns = now_ns

    def event(self, event: AnyEvent, stream: Stream) -> None:
        """Pass an event on, unless it was heard before or its symbol may not speak."""
        self._hearing.frames += 1
        self.last_ns = recv_ns = event.recv_ns
        heard = self._symbols.get(event.symbol)
        if heard is None or not (heard.speaks or self._revived(heard, stream, recv_ns)):
            self._counters["unheard"] += 1
            return
        kind = type(event)
        if kind is BookTicker:
            if not self._newer_ticker(heard, event):  # type: ignore[arg-type]  # by `kind`, faster
                return
            heard.top_ns = recv_ns
        elif kind is DepthDiff:
            if not self._newer_diff(heard, event):  # type: ignore[arg-type]
                return
            heard.depth_ns = recv_ns
        elif kind is Trade:
            trade_id = event.trade_id  # type: ignore[union-attr]
            if trade_id <= heard.trade_id:
                self._counters["duplicates"] += 1
                return
            heard.trade_id, heard.behind_ns = trade_id, 0
        elif kind is DepthSnapshot:
            heard.anchor_id, heard.depth_ns = event.last_id, recv_ns  # type: ignore[union-attr]
        heard.last_ns = recv_ns
        self._add(event)

    def candle(self, candle: CandleClosed) -> None:
        self._hearing.frames += 1
        self.last_ns = candle.recv_ns
        self._add_candle(candle)

    def newest_trade(self, symbol: str, trade_id: int, recv_ns: int) -> None:
        """Note that a trade was made which may not have come."""
        heard = self._symbols.get(symbol)
        if heard is None or trade_id == NONE_YET:
            return
        if heard.told_trade_id == NONE_YET:
            heard.told_trade_id = trade_id  # made before anybody listened
        elif trade_id > max(heard.trade_id, heard.told_trade_id) and not heard.behind_ns:
            heard.behind_ns = recv_ns

    def fault(self, kind: str, symbol: str = "") -> None:
        self._faults[kind] += 1

    def _revived(self, heard: Heard, stream: Stream, now_ns: int) -> bool:
        if heard.waits_for is not stream:
            return False
        self._hearing.speak([heard.symbol], now_ns)
        return True

    def _newer_ticker(self, heard: Heard, ticker: BookTicker) -> bool:
        before = heard.ticker
        if self._sequenced and before is not None and ticker.update_id <= before.update_id:
            self._counters["duplicates"] += 1
            return False
        heard.ticker = ticker
        return True

    def _newer_diff(self, heard: Heard, diff: DepthDiff) -> bool:
        before = heard.depth_id
        if diff.last_id <= before:
            self._counters["duplicates"] += 1
            return False
        if before != NONE_YET and diff.first_id > before + 1 and diff.prev_id != before:
            self._counters["gaps"] += 1
        heard.depth_id = diff.last_id
        return True
