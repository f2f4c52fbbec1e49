"""Hot state in Redis: `ob:`, `tr:`, `feat:`, `px:`, `tape:`, rendered as raw commands.

Written by the pump once a cell at most. Fields and lifetimes stand in `market.keys`.
"""

import math
from collections import deque

import hiredis
import orjson

from market import keys
from market.events import SCALE, Level, Trade
from market.hot.features import TAPE_TRADES, FeatureRow, HotFeatures
from market.hot.vector import FEATURE_NAMES, INDEX
from market.hot.windows import TradeSums

PX_EVERY_MS = 1_000
"""A mid that does not change is repeated this often, so that grading finds it."""

PX_TRIM_EVERY = 600


class SymbolState:
    """Renders one symbol's commands; keys and field names are rendered once."""

    def __init__(self, features: HotFeatures, venue: str) -> None:
        symbol = features.symbol
        self._features = features
        self._venue = venue
        self._ob = keys.ob(symbol)
        self._tr = (keys.tr(symbol, "1s"), keys.tr(symbol, "5s"))
        self._feat = keys.feat(symbol)
        self._px = keys.px(symbol)
        self._tape = keys.tape(symbol)
        self._printed: deque[bytes] = deque(maxlen=TAPE_TRADES)  # newest first
        self._px_mid: float | None = None
        self._px_ms = 0
        self._px_written = 0

    def clear(self) -> list[bytes]:
        """Render the removal of another market's state: times and prices of another run."""
        # One key a command: in a cluster they lie apart.
        gone = (self._ob, *self._tr, self._feat, self._px, self._tape)
        return [_pack(("DEL", key)) for key in gone]

    def write(self, now_ms: int, row: FeatureRow) -> list[bytes]:
        """Render the commands that publish the cell that ended at now_ms."""
        commands = self._book_command(now_ms) + self._tape_command()
        trades = self._features.trades
        for key, sums in zip(self._tr, (trades.last_1s, trades.last_5s), strict=True):
            fields = _trade_fields(sums)
            commands.append(_pack(("HSET", key, *fields, "ts", str(now_ms))))
        commands.append(_pack(("HSET", self._feat, *feature_fields(row, self._venue))))
        return commands + self.write_price(now_ms, row)

    def write_price(self, now_ms: int, row: FeatureRow) -> list[bytes]:
        """Render the `px:` entry of a cell: none where the mid is void or was just written."""
        mid = row.values[INDEX["mid_price"]]
        if math.isnan(mid) or (mid == self._px_mid and not self.price_due(now_ms)):
            return []
        self._px_mid, self._px_ms = mid, now_ms
        return self._px_commands(now_ms, mid)

    def price_due(self, now_ms: int) -> bool:
        """Tell whether the mid was written last so long ago that it is to be repeated."""
        return now_ms - self._px_ms >= PX_EVERY_MS

    def _book_command(self, now_ms: int) -> list[bytes]:
        features = self._features
        top = features.top(now_ms)
        if top is None:
            return []
        bids, asks = features.book.levels(top)
        return [
            _pack(
                (
                    "HSET", self._ob,
                    "bid", repr(top.bid / SCALE), "bid_size", repr(top.bid_size / SCALE),
                    "ask", repr(top.ask / SCALE), "ask_size", repr(top.ask_size / SCALE),
                    "bids", _levels(bids), "asks", _levels(asks),
                    "seq", str(features.book.last_id), "state", features.book.state.value,
                    "ts", str(now_ms),
                )
            )
        ]  # fmt: skip

    def _tape_command(self) -> list[bytes]:
        taken = self._features.tape
        if not taken:
            return []
        while taken:
            self._printed.appendleft(_print(taken.popleft()))
        # Whole each time, so that a Redis that was away or lost its data has it all again.
        return [_pack(("SET", self._tape, b"[" + b",".join(self._printed) + b"]"))]

    def _px_commands(self, now_ms: int, mid: float) -> list[bytes]:
        add = _pack(("XADD", self._px, f"{now_ms}-0", "mid", repr(mid)))
        self._px_written += 1
        if self._px_written % PX_TRIM_EVERY:
            return [add]
        oldest = now_ms - keys.HOT_STATE_SECONDS * 1_000
        return [add, _pack(("XTRIM", self._px, "MINID", "~", str(oldest)))]


def feature_fields(row: FeatureRow, venue: str) -> list[str]:
    """Return a `feat:` hash as names and texts in turn; a void feature is empty."""
    fields: list[str] = []
    for name, value in zip(FEATURE_NAMES, row.values, strict=True):
        fields += (name, repr(value) if value == value else "")
    proof = row.feature_ts_ms
    fields += ("feature_ts", "" if proof is None else repr(proof / 1e3))
    fields += ("event_ts_ms", "" if row.event_ts_ms is None else str(int(row.event_ts_ms)))
    fields += ("exchange_ts_ms", "" if row.exchange_ts_ms is None else str(row.exchange_ts_ms))
    fields += ("completeness", repr(row.completeness), "venue", venue)
    return fields


def _pack(command: tuple[str | bytes, ...]) -> bytes:
    # hiredis's stub says a tuple of one; any length is taken.
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
    return packed


def _levels(levels: list[Level]) -> bytes:
    return orjson.dumps([(price / SCALE, size / SCALE) for price, size in levels])


def _print(trade: Trade) -> bytes:
    return orjson.dumps(
        {
            "ts": trade.recv_ns // 1_000_000,
            "price": trade.price / SCALE,
            "size": trade.size / SCALE,
            "side": "buy" if trade.buyer_initiated else "sell",
            "id": trade.trade_id,
        }
    )


def _trade_fields(sums: TradeSums) -> tuple[str, ...]:
    buy = (sums.size + sums.signed) // 2
    vwap = repr(sums.notional / sums.size / SCALE) if sums.size else ""
    return (
        "count", str(sums.trades),
        "volume", repr(sums.size / SCALE),
        "buy_volume", repr(buy / SCALE),
        "sell_volume", repr((sums.size - buy) / SCALE),
        "vwap", vwap,
        "dollar_volume", repr(sums.notional / (SCALE * SCALE)),
    )  # fmt: skip
