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
    "1000SATSUSDT": (0.0003, 0.00000001, 0.95, 0.3),
    "ADAUSDT": (0.8, 0.0001, 0.9, 0.4),
    "APTUSDT": (9.0, 0.001, 0.9, 0.4),
    "ARBUSDT": (1.0, 0.0001, 0.9, 0.4),
    "ATOMUSDT": (6.0, 0.0001, 0.85, 0.3),
    "AVAXUSDT": (25.0, 0.001, 0.9, 0.4),
    "BCHUSDT": (400.0, 0.01, 0.8, 0.3),
    "BNBUSDT": (600.0, 0.01, 0.75, 0.5),
    "BONKUSDT": (0.00002, 0.00000001, 1.0, 0.4),
    "BTCUSDT": (60_000.0, 0.1, 0.75, 1.0),
    "DOGEUSDT": (0.2, 0.00001, 0.9, 0.6),
    "DOTUSDT": (6.0, 0.0001, 0.8, 0.3),
    "ETCUSDT": (25.0, 0.001, 0.85, 0.3),
    "ETHUSDT": (3_000.0, 0.01, 0.8, 0.8),
    "FETUSDT": (1.5, 0.0001, 0.95, 0.3),
    "FLOKIUSDT": (0.00015, 0.00000001, 1.0, 0.3),
    "FTMUSDT": (0.6, 0.0001, 0.95, 0.3),
    "GALAUSDT": (0.03, 0.000001, 0.95, 0.3),
    "ICPUSDT": (10.0, 0.001, 0.85, 0.3),
    "INJUSDT": (25.0, 0.001, 0.9, 0.3),
    "JTOUSDT": (3.0, 0.0001, 0.95, 0.3),
    "LINKUSDT": (15.0, 0.001, 0.85, 0.4),
    "LTCUSDT": (90.0, 0.01, 0.8, 0.3),
    "MATICUSDT": (0.6, 0.0001, 0.85, 0.4),
    "NEARUSDT": (5.0, 0.001, 0.9, 0.4),
    "OPUSDT": (2.0, 0.0001, 0.9, 0.4),
    "ORDIUSDT": (40.0, 0.01, 0.95, 0.3),
    "PENDLEUSDT": (4.0, 0.0001, 0.95, 0.3),
    "PEOPLEUSDT": (0.07, 0.00001, 0.95, 0.3),
    "PEPEUSDT": (0.00001, 0.00000001, 1.0, 0.5),
    "RUNEUSDT": (5.0, 0.001, 0.9, 0.3),
    "SEIUSDT": (0.4, 0.0001, 0.9, 0.3),
    "SHIBUSDT": (0.00002, 0.00000001, 0.9, 0.5),
    "SOLUSDT": (150.0, 0.01, 0.9, 0.7),
    "SUIUSDT": (1.5, 0.0001, 0.9, 0.4),
    "TIAUSDT": (7.0, 0.001, 0.95, 0.3),
    "TRXUSDT": (0.25, 0.00001, 0.75, 0.3),
    "WLDUSDT": (3.0, 0.001, 0.95, 0.4),
    "XRPUSDT": (2.0, 0.0001, 0.8, 0.6),
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
