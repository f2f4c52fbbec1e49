"""What is left of a cell when the pump lags: all trades, and the latest state of the rest.

Features are evaluated at cell ends, so they are the same; only the way within the cell is lost.
"""

from collections.abc import Iterable

from market.events import AnyEvent, BookTicker, DepthDiff, Heartbeat, Level, Trade


def conflated(events: list[AnyEvent]) -> list[AnyEvent]:
    """Return a cell's events with one ticker and one diff a symbol, in their order.

    Diffs are merged where they follow each other without a gap; nothing is merged across a
    snapshot or a break of the connection.
    """
    kept: list[AnyEvent | None] = []
    tickers: dict[str, int] = {}
    diffs: dict[str, int] = {}
    beats: dict[str, int] = {}
    for event in events:
        symbol, at = event.symbol, len(kept)
        if isinstance(event, BookTicker):
            _drop(kept, tickers.get(symbol))
            tickers[symbol] = at
            kept.append(event)
        elif isinstance(event, DepthDiff):
            before = diffs.get(symbol)
            earlier = None if before is None else kept[before]
            if isinstance(earlier, DepthDiff) and _follows(earlier, event):
                _drop(kept, before)
                event = _merged(earlier, event)
            diffs[symbol] = at
            kept.append(event)
        elif isinstance(event, Heartbeat):
            _drop(kept, beats.get(symbol))
            beats[symbol] = at
            kept.append(event)
        else:
            if not isinstance(event, Trade):
                for known in (tickers, diffs, beats):
                    known.pop(symbol, None)
            kept.append(event)
    return [event for event in kept if event is not None]


def weight(events: Iterable[AnyEvent]) -> int:
    """Return about how much memory events hold, in levels and events."""
    return sum(
        1 + len(event.bids) + len(event.asks) if isinstance(event, DepthDiff) else 1
        for event in events
    )


def _drop(kept: list[AnyEvent | None], at: int | None) -> None:
    if at is not None:
        kept[at] = None


def _follows(earlier: DepthDiff, later: DepthDiff) -> bool:
    if later.prev_id is not None:
        return later.prev_id == earlier.last_id
    return earlier.last_id < later.last_id and later.first_id <= earlier.last_id + 1


def _merged(earlier: DepthDiff, later: DepthDiff) -> DepthDiff:
    return DepthDiff(
        later.symbol,
        later.recv_ns,
        later.exchange_ms,
        earlier.first_id,
        later.last_id,
        earlier.prev_id,
        _newest(earlier.bids, later.bids),
        _newest(earlier.asks, later.asks),
    )


def _newest(earlier: list[Level], later: list[Level]) -> list[Level]:
    sizes = dict(earlier)
    sizes.update(later)
    return list(sizes.items())
