"""The forecast that the Live page is served with, so that a price stands there before scripts run.

Read by the view of the page. Its socket brings a newer one a moment later.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import redis
from asgiref.sync import async_to_sync

from dashboard.templatetags.figures import fixed, price_digits
from inference.forecasts.prediction_cache import from_hash
from market import keys
from market.clock import MarketTime
from predictions.api.redis_client import web_redis
from predictions.api.running_market import market_of
from predictions.watching.heartbeats import answers


@dataclass(frozen=True, slots=True)
class FirstForecast:
    """The forecast's price as the page writes it, and whose market that is."""

    price: str
    venue: str
    live: bool

    @property
    def banner(self) -> str:
        """Return what is to stand over a market that is not live; "" over a live one."""
        if self.live:
            return ""
        what = "SIMULATED MARKET" if self.venue.startswith("simulated") else "REPLAY"
        return f"{what} ({self.venue})"


def first_forecast(symbol: str, decimals: Mapping[str, int]) -> FirstForecast | None:
    """Return the newest forecast of the running market; None where there is none to show."""
    try:
        market, forecast = async_to_sync(_read)(symbol)
    except (redis.RedisError, OSError):
        return None
    price = None if forecast is None else forecast["predicted_price"]
    if not isinstance(price, float) or forecast is None or forecast["venue"] != market.venue:
        return None
    text = fixed(price, decimals.get(symbol, price_digits(price)))
    return FirstForecast(text, market.venue, market.live)


async def _read(symbol: str) -> tuple[MarketTime, dict[str, object] | None]:
    pipeline = web_redis().pipeline(transaction=False)
    pipeline.hgetall(keys.clock())
    pipeline.hgetall(keys.pred(symbol))
    clock, said = await answers(pipeline)
    return market_of(clock), from_hash(symbol, said or {})
