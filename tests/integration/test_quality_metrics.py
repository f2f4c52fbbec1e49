"""Quality for Prometheus: what the recorder told, and never a scrape that waits for it."""

import time
from typing import Any

import msgspec
import pytest
import redis
from django.test import Client

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from predictions.accuracy.quality import ForecastQuality, Quality, SymbolQuality
from tests.unit.test_tradeable import GOOD, live_signal, signal_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(clean_redis: redis.Redis) -> redis.Redis:
    """A record of one symbol whose last hour is too short for figures."""
    few = Quality(n=12)
    record = ForecastQuality(
        venue="binance",
        live=True,
        made_ms=int(time.time() * 1000) - 5_000,
        symbols={"BTCUSDT": SymbolQuality(hour=few, day=GOOD, models={})},
    )
    clean_redis.set(keys.quality(FORECASTS), msgspec.json.encode(record))
    clean_redis.set(keys.quality(SIGNALS), msgspec.json.encode(signal_record()))
    return clean_redis


def scrape(client: Client) -> list[str]:
    response = client.get("/metrics")
    assert response.status_code == 200
    lines: list[str] = response.content.decode().splitlines()
    return [line for line in lines if line.startswith("quality_")]


def test_metrics_show_quality_with_its_n_and_leave_out_what_is_unknown(
    told: redis.Redis, client: Client
) -> None:
    lines = scrape(client)
    day = '{symbol="BTCUSDT",venue="binance",window="24h"}'
    hour = '{symbol="BTCUSDT",venue="binance",window="1h"}'
    for line in (
        f"quality_forecasts_hit_rate{day} 0.55",
        f"quality_forecasts_mae_ratio{day} 0.99",
        f"quality_forecasts_coverage{day} 0.9",
        f"quality_forecasts_ece{day} 0.012",
        f"quality_forecasts_graded{day} 1500.0",
        f"quality_forecasts_graded{hour} 12.0",
        f'quality_signals_hit_rate{{model_version="{live_signal().model_version}",'
        'timeframe="15m",venue="binance"} 0.55',
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith(f"quality_forecasts_hit_rate{hour}")]
    [age] = [line for line in lines if line.startswith('quality_age_seconds{engine="forecasts"')]
    assert 5 <= float(age.split()[-1]) < 60


def test_metrics_without_a_record_show_none(clean_redis: redis.Redis, client: Client) -> None:
    assert scrape(client) == []


def test_metrics_without_redis_are_answered_all_the_same(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    began = time.monotonic()
    assert scrape(client) == []
    assert time.monotonic() - began < 5
