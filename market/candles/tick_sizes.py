"""Each coin's tick size, as decimals of its price: what the exchange says, else what the newest
stored candles show.

Read by the pages (`dashboard/shell.py`), which write every price in its coin's own decimals:

    price_decimals(root, exchange, venue, symbols) -> {"BTCUSDT": 2, "PEPEUSDT": 8, "XUSDT": None}

The first call in a process loads Polars and reads a file a coin (34 coins: 0.2 s, 55 MB); later
calls ask the file system what has changed (2 ms). So it runs in a thread, never on an event loop.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from market.candles.timeframes import Timeframe
from market.listings import Listing

if TYPE_CHECKING:
    from market.candles.store import CandleStore

CANDLES = 200
"""The newest closed ones that are looked at, of the shortest timeframes that there are."""

LEAST_PRICES = 5
"""Different prices. That so many end in zero although finer ones occur happens once in 10^5."""

MOST_DIGITS = 10
"""Significant ones. Prices that need more lie on no grid: averages, or made up."""

_NOISE = 1e-12
"""Share of a price that floating point may have added to it."""

_Stamp = tuple[object, ...]
_kept: dict[tuple[Path, tuple[str, ...], str], tuple[_Stamp, int | None]] = {}


def price_decimals(
    root: Path,
    exchange: str,
    venue: str,
    symbols: Iterable[str],
    listings: Mapping[str, Listing] = MappingProxyType({}),
) -> dict[str, int | None]:
    """Return how many decimals each symbol's prices have; None where nothing tells.

    root: of the candle store (CANDLES_DIR). exchange: whose candles a live or replayed market
    continues (CANDLE_EXCHANGE). venue: the running market, or the exchange. listings: what the
    exchange of `venue` says (`listing:market`); its tick sizes count, and candles for the rest.
    Made anew for a symbol whose datasets have changed. Raises UnknownSymbolError for what is no
    symbol.
    """
    found = {symbol: _listed_decimals(listings.get(symbol)) for symbol in symbols}
    untold = [symbol for symbol, decimals in found.items() if decimals is None]
    if untold:
        # Loads Polars, which the web process does not start with.
        from market.candles.store import CandleStore, venues_of

        store, venues = CandleStore(root), venues_of(venue, exchange)
        found |= {symbol: _decimals(store, root, venues, symbol) for symbol in untold}
    return found


def decimals_of_tick(tick_size: float) -> int | None:
    """Return the fewest decimals that write a step of prices; None where it is no step."""
    if not (0 < tick_size < math.inf):
        return None
    for decimals in range(MOST_DIGITS + 1):
        if abs(tick_size - round(tick_size, decimals)) <= _NOISE * tick_size:
            return decimals
    return None


def decimals_of(prices: npt.NDArray[np.float64]) -> int | None:
    """Return the fewest decimals that write all of `prices` [n] > 0 exactly.

    None where fewer than LEAST_PRICES differ, or MOST_DIGITS do not write them.
    """
    different = np.unique(prices)
    if len(different) < LEAST_PRICES:
        return None
    before_point = math.floor(math.log10(different[-1])) + 1
    for decimals in range(max(MOST_DIGITS - before_point, 0) + 1):
        if (abs(different - np.round(different, decimals)) <= _NOISE * different).all():
            return decimals
    return None


def _listed_decimals(listing: Listing | None) -> int | None:
    if listing is None or listing.tick_size is None:
        return None
    return decimals_of_tick(listing.tick_size)


def _decimals(store: "CandleStore", root: Path, venues: tuple[str, ...], symbol: str) -> int | None:
    key = root, venues, symbol
    try:
        stamp = tuple(store.stamp(venues, symbol, timeframe) for timeframe in Timeframe)
    except OSError:
        return None  # as of a damaged file: whoever needs candles says what is wrong
    kept = _kept.get(key)
    if kept is None or kept[0] != stamp:
        kept = _kept[key] = stamp, decimals_of(_newest_prices(store, venues, symbol))
    return kept[1]


def _newest_prices(
    store: "CandleStore", venues: Sequence[str], symbol: str
) -> npt.NDArray[np.float64]:
    from market.candles.store import CandleStoreError

    parts: list[npt.NDArray[np.float64]] = [np.empty(0)]
    count = 0
    for timeframe in Timeframe:
        try:
            candles = store.read(venues, symbol, timeframe, count=CANDLES)
        except CandleStoreError:
            continue  # the signal loop and `import_candles` name the file; others may tell
        parts += [candles.open, candles.high, candles.low, candles.close]
        count += len(candles)
        if count >= CANDLES and len(np.unique(np.concatenate(parts))) >= LEAST_PRICES:
            break
    return np.concatenate(parts)
