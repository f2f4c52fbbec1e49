"""What `/api/predictions` may be asked for: each parameter, and what it allows."""

from collections.abc import Sequence

from django.conf import settings
from django.http import QueryDict

from market.candles.timeframes import Timeframe, UnknownTimeframeError, parse_timeframe
from market.symbols import UnknownSymbolError, parse_symbol
from predictions.api.errors import InvalidParameterError, UnservedSymbolError
from predictions.api.repeated import refuse_repeated

DEFAULT_TIMEFRAME = Timeframe.M15


def asked_timeframe(query: QueryDict) -> Timeframe:
    """Return `timeframe=`, default 15m. Raises InvalidParameterError naming what is allowed."""
    try:
        return parse_timeframe(query.get("timeframe", DEFAULT_TIMEFRAME))
    except UnknownTimeframeError as error:
        raise InvalidParameterError(f"timeframe: {error}") from error


def asked_symbols(query: QueryDict) -> tuple[str, ...]:
    """Return `symbols=` in their order, without repetitions; by default all that are served.

    Raises InvalidParameterError where it names none, UnservedSymbolError for an unknown one.
    """
    if "symbols" not in query:
        return settings.SIGNAL_SYMBOLS
    parts = [part for text in query.getlist("symbols") for part in text.split(",") if part.strip()]
    if not parts:
        raise InvalidParameterError(
            f"symbols: names no symbol; allowed are {_served()}, separated by commas"
        )
    return tuple(dict.fromkeys(served_symbol(part) for part in parts))


def served_symbol(text: str) -> str:
    """Return the stored form of a symbol. Raises UnservedSymbolError where none is served."""
    try:
        symbol = parse_symbol(text)
    except UnknownSymbolError as error:
        raise UnservedSymbolError(str(error)) from error
    if symbol not in settings.SIGNAL_SYMBOLS:
        raise UnservedSymbolError(f"{symbol} has no signals here; served are {_served()}")
    return symbol


def refuse_others(query: QueryDict, allowed: Sequence[str]) -> None:
    """Raise InvalidParameterError for a parameter that is not among `allowed`, or comes twice."""
    for name in query:
        if name not in allowed:
            told = f"allowed are {', '.join(allowed)}" if allowed else "none are allowed here"
            raise InvalidParameterError(f"{name[:40]} is not a parameter; {told}")
    refuse_repeated(query, ("symbols",))


def _served() -> str:
    return ", ".join(settings.SIGNAL_SYMBOLS)
