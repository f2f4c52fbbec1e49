"""What the WebSocket says, as JSON text: every frame's shape stands here.

Read by the hub and the consumer. The loops encode each symbol's data themselves; here it is
only put into a frame, so that a thousand sockets cost one encoding.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

Json = Mapping[str, object]


def snapshot(data: Json) -> str:
    return _frame("snapshot", _encode(data))


def prediction(encoded: str) -> str:
    """Frame one symbol's forecast, the specification's message."""
    return _frame("prediction", encoded)


def predictions(*, seq: int, venue: str, live: bool, encoded: Iterable[str]) -> str:
    """Frame a tick of several symbols."""
    head = _encode({"type": "predictions", "seq": seq, "venue": venue, "live": live})
    return f'{head[:-1]},"data":[{",".join(encoded)}]}}'


def signal(encoded: str) -> str:
    """Frame one symbol's signal."""
    return _frame("signal", encoded)


def signal_error(encoded: str) -> str:
    """Frame why one symbol has no signal for a candle."""
    return _frame("signal_error", encoded)


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


def price(encoded_quotes: Mapping[str, str]) -> str:
    """Frame quotes by symbol; each comes encoded."""
    return _frame(
        "price", f"{{{','.join(f'{_encode(s)}:{q}' for s, q in encoded_quotes.items())}}}"
    )


def error(code: str, message: str) -> str:
    return _encode({"type": "error", "code": code, "message": message})


def encoded_object(members: Mapping[str, str]) -> str:
    """Join encoded members into one JSON object."""
    return "{" + ",".join(f"{_encode(name)}:{text}" for name, text in members.items()) + "}"


def encode_quote(quote: Json) -> str:
    return _encode(quote)


def _frame(kind: str, encoded: str) -> str:
    return f'{{"type":"{kind}","data":{encoded}}}'


def _encode(value: object) -> str:
    return orjson.dumps(value).decode()
