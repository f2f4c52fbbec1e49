"""Every Redis name of the house, with type, lifetime, writer and readers.

A literal key anywhere else is a defect: feeds of third parties rely on these names.
`ob:`, `tr:` and `feat:` are a public interface that any feed may fill.
"""

HOT_STATE_SECONDS = 3_600
"""How long `px:` reaches back at least."""

HEALTH_TTL_SECONDS = 10
"""A heartbeat older than this is gone, and so is the process behind it."""


def ob(symbol: str) -> str:
    """Hash. Order book: bid, ask, bid_size, ask_size, bids, asks (JSON, 20 levels), seq, ts.

    Writer: market feed, at most every 100 ms. Readers: forecast loop (bid, ask), pages.
    """
    return f"ob:{symbol}"


def tr(symbol: str, window: str) -> str:
    """Hash. Trade statistics of the last `1s` or `5s`: count, volume, buy_volume,
    sell_volume, vwap, dollar_volume, ts.

    Writer: market feed. Readers: pages, users.
    """
    return f"tr:{symbol}:{window}"


def feat(symbol: str) -> str:
    """Hash. The 20 hot features, feature_ts (float seconds), event_ts_ms, exchange_ts_ms,
    completeness (0..1), venue. A void feature is the empty string.

    Writer: market feed. Readers: forecast loop, pages.
    """
    return f"feat:{symbol}"


def px(symbol: str) -> str:
    """Stream. Mid price by time; the id is `<market ms>-0`, the field `mid`; at least 1 h.

    Writer: market feed. Readers: recorder (where a tick is missing), pages.
    """
    return f"px:{symbol}"


def tape(symbol: str) -> str:
    """String, JSON. The newest 50 trades, newest first: ts (market ms), price, size, side (the
    taker's: `buy` or `sell`), id (the exchange's number of the trade).

    Writer: market feed, at most every 100 ms. Readers: pages.
    """
    return f"tape:{symbol}"


def listings() -> str:
    """Hash, 3 h from its last write. What a live exchange says of the symbols that are wanted:
    symbol to JSON (symbol, status, tick_size, lot_size, since_ms, renamed_to), and `venue`.

    Writer: market feed, hourly, on a change and with its first heartbeat after a Redis came back.
    Readers: forecast loop, signal loop, recorder, pages. The fields: `market.listings`.
    """
    return "listing:market"


LISTING_SECONDS = 10_800


def clock() -> str:
    """Hash. Which time the market runs on: venue, live (0/1), market_ms, wall_ms, speed.

    Absent: live UTC, of somebody else's feed. Venue `none`: our feed finds no exchange, and had
    none before. speed 0 is lock-step (see `ticks_due`). Writer: market feed.
    Readers: forecast loop, recorder, web.
    """
    return "clock:market"


def ticks_due() -> str:
    """List. Lock-step replay: tick times (ms) that the feed has reached. Bounded by the feed."""
    return "clock:ticks:due"


def ticks_done() -> str:
    """List. Lock-step replay: tick times (ms) that the loop has finished."""
    return "clock:ticks:done"


def replay_runs() -> str:
    """String (counter). Number of the last replay or sped-up simulation; part of its venue."""
    return "clock:runs"


def pred(symbol: str) -> str:
    """Hash, TTL 60 s. The newest forecast in the specification's fields.

    Writer: forecast loop. Readers: web, users.
    """
    return f"pred:{symbol}"


def sig(symbol: str, timeframe: str) -> str:
    """String, JSON, until the next close + grace. The last signal, or why there is none.

    Writer: signal loop. Readers: web, users. The fields: `inference.signals.signal`.
    """
    return f"sig:{symbol}:{timeframe}"


def stands(engine: str, venue: str, *, cluster: bool = False) -> str:
    """Hash, 3 days from its last write. What was said last in a venue: `SYMBOL:TIMEFRAME` to
    the state that `sig:` held, so that a market that comes back is told nothing anew.

    Writer: the leading signal loop, in its fenced write. Reader: signal loop.
    """
    return f"stands:{_tag(engine, cluster)}:{venue}"


STANDS_MS = 3 * 86_400_000


def candles_closed() -> str:
    """Stream, about the newest 10,000. One candle that closed and lies in the store.

    Fields: venue, symbol, timeframe, open_ms, provisional (0/1), arrived_ms (wall).
    Writer: market feed, imports. Reader: signal loop.
    """
    return "candles:closed"


def log(engine: str, *, cluster: bool = False) -> str:
    """Stream. One packed entry a tick (field `entry`), at least 24 h.

    Writer: the leading loop, through its fenced write. Readers: recorder.
    Trimmed by the recorder alone, behind what it committed.
    """
    return f"log:{_tag(engine, cluster)}"


def dead_letters(engine: str) -> str:
    """List. Log entries that could not be read or stored, newest first; bounded by the writer.

    Each is msgpack: log entry id, error, the entry's bytes (a map of the fields where it has no
    `entry`). Writer: recorder. Reader: a person.
    """
    return f"dead:{engine}"


def head(engine: str, venue: str, shard: int, *, cluster: bool = False) -> str:
    """Hash. Head of one hash chain: hash (32 bytes, hex), tick, id (the entry's in the log).

    Writer: the leading loop, or `run_shadow` for a version on trial.
    """
    return f"head:{_tag(engine, cluster)}:{venue}:{shard}"


def lease(engine: str, shard: int, *, cluster: bool = False) -> str:
    """String with TTL. `<fencing token>:<owner>` of the loop that leads. Writer: the loops."""
    return f"lease:{_tag(engine, cluster)}:{shard}"


def lease_last(engine: str, shard: int, *, cluster: bool = False) -> str:
    """String. Greatest fencing token ever given, so that tokens never go back."""
    return f"lease:{_tag(engine, cluster)}:{shard}:last"


def health(process: str) -> str:
    """Hash, TTL 10 s. A process's heartbeat: status, pid, ts (wall ms), detail (JSON).

    Writer: that process. Readers: web, alerts.
    """
    return f"health:{process}"


def quality(engine: str) -> str:
    """String, JSON, TTL 5 min. What the running venue's predictions were worth of late.

    Writer: recorder. Readers: web (`live_accuracy`, `/metrics`, `/api/tradeable`). The fields:
    `predictions.accuracy.quality`, of signals also `inference.signals.live_accuracy`.
    """
    return f"quality:{engine}"


QUALITY_SECONDS = 300


def retraining() -> str:
    """Hash of JSON, TTL 2 h. Drift and rollback watches of each slot, as last measured.

    Writer: recorder (rollback watches) and `measure_drift`, a hash field each: `rollback`, `drift`.
    Readers: web (`/metrics`). The fields: `predictions.promotion.told`.
    """
    return "retraining"


RETRAINING_SECONDS = 7_200


RECORDER_GROUP = "recorder"
"""Consumer group on the logs."""

PREDICTIONS_GROUP = "predictions"
"""Channels group that the web processes' hubs join (group names take no colon)."""


def _tag(engine: str, cluster: bool) -> str:
    # In a cluster the lease, the head and the log must share a slot for one atomic write.
    return f"{{{engine}}}" if cluster else engine
