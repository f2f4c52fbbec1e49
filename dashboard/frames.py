"""What the WebSocket says, as JSON text: every frame's shape stands here.

Read by the hub and the consumer. The loops encode each symbol's data themselves; here it is
only put into a frame, so that a thousand sockets cost one encoding.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

Json = Mapping[str, object]


def snapshot(data: Json) -> str:
    return _frame("snapshot", _encode(data))


def prediction(encoded: str, published_ms: int | None) -> str:
    """Frame one symbol's forecast, the specification's message."""
    head = _encode({"type": "prediction", "published_ms": published_ms})
    return f'{head[:-1]},"data":{encoded}}}'


def predictions(
    *, seq: int, venue: str, live: bool, published_ms: int | None, encoded: Iterable[str]
) -> str:
    """Frame a tick of several symbols."""
    head = {
        "type": "predictions",
        "seq": seq,
        "venue": venue,
        "live": live,
        "published_ms": published_ms,
    }
    return f'{_encode(head)[:-1]},"data":[{",".join(encoded)}]}}'


def signal(encoded: str) -> str:
    """Frame one symbol's signal."""
    return _frame("signal", encoded)


def signal_error(encoded: str, *, venue: str, live: bool) -> str:
    """Frame why one symbol has no signal for a candle."""
    return _frame("signal_error", encoded, {"venue": venue, "live": live})


def signals(
    *,
    seq: int,
    venue: str,
    live: bool,
    timeframe: str,
    encoded: Iterable[str],
    errors: Iterable[str],
) -> str:
    """Frame one candle close of several symbols."""
    head = {"type": "signals", "seq": seq, "venue": venue, "live": live, "timeframe": timeframe}
    return f'{_encode(head)[:-1]},"data":[{",".join(encoded)}],"errors":[{",".join(errors)}]}}'


def outcome(outcomes: Sequence[Json]) -> str:
    return _frame("outcome", _encode(outcomes))


def signal_outcome(outcomes: Sequence[Json]) -> str:
    return _frame("signal_outcome", _encode(outcomes))


def health(data: Json) -> str:
    return _frame("health", _encode(data))


def price(encoded_quotes: Mapping[str, str], *, venue: str, live: bool) -> str:
    """Frame quotes by symbol; each comes encoded."""
    return _frame("price", encoded_object(encoded_quotes), {"venue": venue, "live": live})


def market(encoded: str) -> str:
    """Frame all that is shown of one watched symbol."""
    return _frame("market", encoded)


def market_data(head: Json, book: str, trades: Sequence[str] | None) -> str:
    """Put the encoded book and trades (newest first) to what else a market frame says."""
    tape = "null" if trades is None else f"[{','.join(trades)}]"
    return f'{_encode(head)[:-1]},"book":{book},"trades":{tape}}}'


def book(symbol: str, encoded: str, *, venue: str, live: bool) -> str:
    """Frame a book's levels; encoded is an object that is not empty."""
    data = f"{_encode({'symbol': symbol})[:-1]},{encoded[1:]}"
    return _frame("book", data, {"venue": venue, "live": live})


def trades(symbol: str, encoded: Iterable[str], *, venue: str, live: bool) -> str:
    """Frame new trades, oldest first."""
    data = f'{_encode({"symbol": symbol})[:-1]},"trades":[{",".join(encoded)}]}}'
    return _frame("trades", data, {"venue": venue, "live": live})


def pong(sent: float, server_ms: float) -> str:
    return _encode({"type": "pong", "t": sent, "server_ms": server_ms})


def error(code: str, message: str) -> str:
    return _encode({"type": "error", "code": code, "message": message})


def encoded_object(members: Mapping[str, str]) -> str:
    """Join encoded members into one JSON object."""
    return "{" + ",".join(f"{_encode(name)}:{text}" for name, text in members.items()) + "}"


def encode_quote(quote: Json) -> str:
    return _encode(quote)


def _frame(kind: str, encoded: str, beside: Json | None = None) -> str:
    head = (
        f'{{"type":"{kind}",' if beside is None else f'{{"type":"{kind}",{_encode(beside)[1:-1]},'
    )
    return f'{head}"data":{encoded}}}'


def _encode(value: object) -> str:
    return orjson.dumps(value).decode()
