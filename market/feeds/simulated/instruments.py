"""What is traded in the simulated market: prices, ticks, how lively and how volatile.

Prices are round figures, not quotations. Nothing here claims to be any real market.
"""

import math
import zlib
from dataclasses import dataclass

from market.events import to_units


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol. price: where it starts; tick, lot: integers in 1e-8; volatility_bp: of the
    fundamental value, per √second; activity: 1 is a market as lively as the simulator's BTC.
    """

    symbol: str
    price: float
    tick: int
    lot: int
    volatility_bp: float
    activity: float

    @property
    def key(self) -> int:
        """A number that names the symbol in seeds."""
        return zlib.crc32(self.symbol.encode())

    @property
    def tick_bp(self) -> float:
        return 1e4 * self.tick / to_units(self.price)


# Start price, tick, bp per √second, activity.
_KNOWN: dict[str, tuple[float, float, float, float]] = {
    "BTCUSDT": (60_000.0, 0.1, 0.75, 1.0),
    "ETHUSDT": (3_000.0, 0.01, 0.8, 0.8),
    "BNBUSDT": (600.0, 0.01, 0.75, 0.5),
    "SOLUSDT": (150.0, 0.01, 0.9, 0.7),
    "XRPUSDT": (2.0, 0.0001, 0.8, 0.6),
    "DOGEUSDT": (0.2, 0.00001, 0.9, 0.6),
    "ADAUSDT": (0.8, 0.0001, 0.9, 0.4),
    "AVAXUSDT": (25.0, 0.001, 0.9, 0.4),
    "LINKUSDT": (15.0, 0.001, 0.85, 0.4),
    "DOTUSDT": (6.0, 0.0001, 0.8, 0.3),
    "LTCUSDT": (90.0, 0.01, 0.8, 0.3),
    "BCHUSDT": (400.0, 0.01, 0.8, 0.3),
    "TRXUSDT": (0.25, 0.00001, 0.75, 0.3),
    "ATOMUSDT": (6.0, 0.0001, 0.85, 0.3),
}

_LOT_VALUE = 0.5
"""A lot is worth at most about this many units of the quote currency."""


def instrument(symbol: str) -> Instrument:
    """Return the symbol's instrument; an unknown symbol's follows from its name alone."""
    price, tick, volatility_bp, activity = _KNOWN.get(symbol) or _from_name(symbol)
    lot = 10 ** max(0, math.floor(math.log10(to_units(_LOT_VALUE) / price)))
    return Instrument(symbol, price, to_units(tick), lot, volatility_bp, activity)


def _from_name(symbol: str) -> tuple[float, float, float, float]:
    digest = zlib.crc32(b"instrument " + symbol.encode())
    first, second = (digest & 0xFFFF) / 0x10000, (digest >> 16) / 0x10000
    price = float(f"{10 ** (3.5 * first - 1):.2g}")
    # The power of ten between 0.1 and 1 bp of the price.
    tick = 10.0 ** math.floor(math.log10(price * 1e-4))
    return price, tick, 0.75 + 0.25 * second, 0.3
