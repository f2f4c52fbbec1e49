"""Hot state as a feed of a third party would write it, and loops over it, for tests."""

import time
from typing import Any

import msgspec
import numpy as np
import redis

from inference.config import PerformanceConfig, PredictionConfig, RedisConfig, ServiceConfig
from inference.forecasts.engine import ModelOutput
from inference.forecasts.forecaster import Speaker
from inference.forecasts.loop import ForecastLoop
from inference.health import LoopStatus, ModelStatus
from inference.metrics import LoopMetrics
from market import keys
from market.feed_state import FEED_DOWN, Outage, Tried
from market.hot.vector import FEATURE_NAMES, INDEX
from market.listings import VENUE_FIELD, Listing, SymbolStatus

TICK_SECONDS = 0.2
"""The tests' grid: ten times the product's, so that they take a tenth of the time."""

PRICE = 60_000.0


class LinearPredictor:
    """A model with an answer that tests can compute: the book's imbalance in bp."""

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, features: np.ndarray) -> ModelOutput:
        self.calls += 1
        ret = features[:, INDEX["ob_imbalance"]].copy()
        third = np.full(len(ret), 1 / 3)
        valid = np.isfinite(ret)
        return ModelOutput(ret, ret - 2.0, ret + 2.0, third, third, third, valid)


def speaker() -> Speaker:
    return Speaker(LinearPredictor(), "test-1", "test-1", "champion", "d" * 64)


def config(**prediction: Any) -> ServiceConfig:
    """Return a configuration of the tests' speed; keywords are `prediction:` keys."""
    given = {
        "frequency_seconds": TICK_SECONDS,
        "target_horizon_seconds": 1,
        "max_feature_age_seconds": 5.0,
    } | prediction
    return ServiceConfig(
        prediction=PredictionConfig(**given),
        redis=RedisConfig(socket_timeout_seconds=0.5),
        performance=PerformanceConfig(memory_limit_mb=4096),
    )


def with_performance(base: ServiceConfig, **changes: Any) -> ServiceConfig:
    values = {name: getattr(base.performance, name) for name in base.performance.__struct_fields__}
    performance = PerformanceConfig(**(values | changes))
    sections = {name: getattr(base, name) for name in base.__struct_fields__}
    return ServiceConfig(**(sections | {"performance": performance}))


def write_features(
    client: redis.Redis, symbol: str = "BTCUSDT", *, age: float = 0.0, **changes: Any
) -> None:
    """Write a whole `feat:` and `ob:`, as of `age` seconds ago; None removes a field."""
    fields: dict[str, Any] = {name: 0.5 for name in FEATURE_NAMES}
    fields |= {"price": PRICE, "mid_price": PRICE, "spread_bp": 0.1, "price_volatility": 1.0}
    fields |= {"feature_ts": time.time() - age, "completeness": 1.0}
    fields |= changes
    client.delete(keys.feat(symbol))
    written: dict[Any, Any] = {
        name: str(value) for name, value in fields.items() if value is not None
    }
    client.hset(keys.feat(symbol), mapping=written)
    client.hset(keys.ob(symbol), mapping={"bid": PRICE - 1, "ask": PRICE + 1})


def make_loop(redis_url: str, **changes: Any) -> ForecastLoop:
    """Return a loop over the tests' Redis; keywords replace ForecastLoop's arguments."""
    arguments: dict[str, Any] = {
        "config": config(),
        "symbols": ("BTCUSDT",),
        "speaker": speaker(),
        "redis_url": redis_url,
        "status": LoopStatus("test", TICK_SECONDS, ModelStatus("test-1", loaded=True), 5),
        "metrics": LoopMetrics(),
        "stopping": lambda: False,
    }
    return ForecastLoop(**(arguments | changes))


def write_listings(client: redis.Redis, venue: str, **statuses: SymbolStatus | str) -> None:
    """Write what a live exchange says of symbols, in place of what it said before."""
    fields: dict[Any, Any] = {
        symbol: Listing(symbol, SymbolStatus(status)).to_json()
        for symbol, status in statuses.items()
    }
    client.delete(keys.listings())
    client.hset(keys.listings(), mapping={VENUE_FIELD: venue} | fields)


def write_feed_down(client: redis.Redis) -> None:
    """Write the heartbeat of a market process that no exchange answers."""
    outage = Outage(since_ms=time.time() * 1e3, tried=(Tried("binance", "cannot connect"),))
    detail = msgspec.json.encode({"outage": outage}).decode()
    beat: dict[Any, Any] = {"status": FEED_DOWN, "pid": 1, "ts": round(time.time() * 1e3)}
    client.hset(keys.health("market"), mapping=beat | {"detail": detail})
