"""Which candle files a path holds, and of which market each says it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from market.candles.timeframes import Timeframe, UnknownTimeframeError, parse_timeframe
from market.symbols import UnknownSymbolError, parse_symbol

SUFFIXES = (".feather", ".csv", ".parquet", ".zip")

_NAMED = re.compile(r"(?P<symbol>.+?)-(?P<timeframe>\d+[a-zA-Z])(-.*)?")
_ALL = tuple(Timeframe)


class ImportFileError(Exception):
    """A file cannot be imported at all. The message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class CandleFile:
    """One file with the dataset that its candles belong to."""

    path: Path
    symbol: str
    timeframe: Timeframe


def candle_files(path: Path) -> Iterator[Path]:
    """Yield the file, or a folder's files of known kinds, recursively, in order of name.

    Raises ImportFileError for a path that is not there, a file of another kind, or a folder
    without any.
    """
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if _is_candle_file(each))
        if not found:
            raise ImportFileError(f"{path}: holds no file of {', '.join(SUFFIXES)}")
        yield from found
    elif not path.exists():
        raise ImportFileError(f"{path}: is not there")
    elif path.suffix.lower() not in SUFFIXES:
        raise ImportFileError(f"{path}: is none of {', '.join(SUFFIXES)}")
    else:
        yield path


def identify(path: Path, symbol: str | None, timeframe: Timeframe | None) -> CandleFile:
    """Return the file with its dataset; what is not given comes from its name.

    Understood are `BTC_USDT-1h.feather`, `BTCUSDT-1h-2024-01.csv`, `BTCUSDT-1h.csv.zip`,
    `BTCUSDT/1h.parquet` and `BTCUSDT/1h/2024-01.parquet`.
    Raises ImportFileError where the name does not tell.
    """
    if symbol is not None and timeframe is not None:
        return CandleFile(path, symbol, timeframe)
    told_symbol, told_timeframe = _told(path)
    try:
        return CandleFile(
            path,
            symbol or parse_symbol(told_symbol),
            timeframe or parse_timeframe(told_timeframe, _ALL),
        )
    except (UnknownSymbolError, UnknownTimeframeError) as error:
        raise ImportFileError(
            f"{path}: its name does not tell symbol and timeframe ({error}); name it like "
            "BTC_USDT-1h.feather or BTCUSDT/1h.parquet, or give --symbol and --timeframe "
            f"({', '.join(_ALL)})"
        ) from error


def _told(path: Path) -> tuple[str, str]:
    while path.suffix.lower() in SUFFIXES:  # BTCUSDT-1h.csv.zip
        path = path.with_suffix("")
    named = _NAMED.fullmatch(path.name)
    if named is not None:
        return named["symbol"], named["timeframe"]
    if path.parent.name in _ALL:
        return path.parent.parent.name, path.parent.name
    return path.parent.name, path.name


def _is_candle_file(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
