"""A loop over real hot state and the shipped model, for the specification's bounds."""

import asyncio
from pathlib import Path

import redis
from django.conf import settings

from inference.config import RedisConfig, ServiceConfig
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.service import ServiceSettings, load_speaker
from inference.health import LoopStatus, TickReport
from inference.metrics import LoopMetrics
from tests.hot_state import write_features


def shipped_loop(redis_url: str, client: redis.Redis, symbols: tuple[str, ...]) -> ForecastLoop:
    """Return a loop at the product's own frequency, with features written for every symbol."""
    config = ServiceConfig(redis=RedisConfig(socket_timeout_seconds=1.0))
    for symbol in symbols:
        write_features(client, symbol)
    base = Path(settings.BASE_DIR)
    speaker, status = load_speaker(
        ServiceSettings(config, symbols, redis_url, base, base / "var", "")
    )
    return ForecastLoop(
        config=config,
        symbols=symbols,
        speaker=speaker,
        redis_url=redis_url,
        status=LoopStatus("test", config.prediction.frequency_seconds, status, 5),
        metrics=LoopMetrics(),
        stopping=lambda: False,
    )


async def reports(loop: ForecastLoop, ticks: int) -> list[TickReport]:
    """Run `ticks` ticks and return what each took."""
    async with asyncio.timeout(2.0 * ticks + 10):
        await loop.run(ticks)
    return list(loop.status.reports)
