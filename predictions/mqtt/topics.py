"""Under which topics what is said lies on the broker. Read by the publisher.

hummingbot's listener takes `<its setting topic>/<pair>/ML_SIGNALS`; so each timeframe has a
branch of its own, which that setting can name, and one of them lies at the root as well.
"""

from dataclasses import dataclass

from market.candles.timeframes import Timeframe
from market.symbols import base_and_quote


def pair_of(symbol: str) -> str | None:
    """Return `btc_usdt` of BTCUSDT, as hummingbot writes BTC-USDT; None of an unknown quote."""
    pair = base_and_quote(symbol)
    return None if pair is None else "_".join(pair).lower()


@dataclass(frozen=True, slots=True)
class Topics:
    """Names topics below `root`; signals of the timeframe `plain` lie at the root too."""

    root: str
    plain: Timeframe

    @property
    def status(self) -> str:
        """Whether the publisher is there: online or offline, retained."""
        return f"{self.root}/STATUS"

    def signals(self, pair: str, timeframe: Timeframe) -> tuple[str, ...]:
        """Return every topic that a signal goes to."""
        own = f"{self.root}/{timeframe}/{pair}/ML_SIGNALS"
        return (own, f"{self.root}/{pair}/ML_SIGNALS") if timeframe is self.plain else (own,)

    def forecasts(self, pair: str) -> str:
        """Return the topic of a symbol's forecasts."""
        return f"{self.root}/{pair}/FORECASTS"
