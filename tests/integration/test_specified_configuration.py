"""The specification's own YAML starts the service as it stands."""

import asyncio
from pathlib import Path

import redis
from django.conf import settings

from inference.config import load_config
from inference.forecasts.service import ServiceSettings, serve
from market import keys
from tests.hot_state import write_features
from tests.unit.test_config import SPECIFICATION
from tests.waiting import PATIENCE_SECONDS


async def test_service_under_the_specifications_yaml_forecasts_with_the_shipped_model(
    redis_url: str, clean_redis: redis.Redis, tmp_path: Path
) -> None:
    path = tmp_path / "inference.yaml"
    path.write_text(SPECIFICATION)
    config, _ = load_config(path, {}, settings.BASE_DIR)
    write_features(clean_redis)
    service = ServiceSettings(config, ("BTCUSDT",), redis_url, settings.BASE_DIR, tmp_path, "")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await serve(service, lambda: False, max_ticks=2)
    told = clean_redis.hgetall(keys.pred("BTCUSDT"))
    assert told["source"] == "redis"
    assert int(told["target_ts"]) - int(told["prediction_ts"]) == 10_000
    assert int(told["prediction_ts"]) % 2_000 == 0
    assert clean_redis.xlen(keys.log("forecasts")) == 2
