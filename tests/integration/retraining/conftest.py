"""A store and a market's clock for the tests of the retraining."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from pytest_django import Settings

from inference.artefacts.versions import VersionStore
from market import keys
from market.clock import MarketTime
from tests.integration.retraining.challengers import TRIAL_DAYS
from tests.integration.versions_ledger import VENUE


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    settings.SHADOW_DAYS_FORECASTS = TRIAL_DAYS
    return VersionStore(tmp_path)


@pytest.fixture
def at(redis_url: str, clean_redis: Any) -> Callable[[float], None]:
    client = redis.Redis.from_url(redis_url)

    def set_to(market_ms: float, venue: str = VENUE) -> None:
        market = MarketTime(venue, False, market_ms, time.time() * 1e3, 0.0)
        client.hset(keys.clock(), mapping=market.to_hash())

    return set_to
