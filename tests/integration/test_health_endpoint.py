"""`/health` and `/metrics` of the web process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from market import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


def beat(client: redis.Redis, process: str, status: str = "healthy", **detail: Any) -> None:
    fields: Any = {"status": status, "pid": 1, "ts": 1, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def test_health_all_processes_well_is_healthy(client: Client, redis_client: redis.Redis) -> None:
    beat(redis_client, "market", "active")
    beat(redis_client, "signals")
    beat(redis_client, "recorder")
    beat(redis_client, "inference", service="bitcoin-inference", components={"model": {}})

    response = client.get("/health")

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "healthy")
    assert body["redis"]["status"] == body["database"]["status"] == "connected"
    inference = body["processes"]["inference"]["detail"]
    assert inference == {"service": "bitcoin-inference", "components": {"model": {}}}


def test_health_process_without_heartbeat_is_degraded(
    client: Client, redis_client: redis.Redis
) -> None:
    beat(redis_client, "market", "active")
    beat(redis_client, "inference")
    beat(redis_client, "signals")

    response = client.get("/health")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["processes"]["recorder"] == {"status": "down"}


def test_health_garbage_heartbeat_is_shown_without_detail(
    client: Client, redis_client: redis.Redis
) -> None:
    garbage: Any = {"status": "healthy", "pid": "x", "ts": "nan", "detail": "{"}
    redis_client.hset(keys.health("market"), mapping=garbage)

    market = client.get("/health").json()["processes"]["market"]

    assert market == {
        "status": "healthy", "pid": None, "ts": None, "age_ms": None, "detail": None
    }  # fmt: skip


def test_health_redis_away_is_503(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    response = client.get("/health")

    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert response.json()["processes"]["market"] == {"status": "unknown"}


def test_metrics_are_in_prometheus_text(client: Client) -> None:
    response = client.get("/metrics")

    assert response.status_code == 200
    assert b"# TYPE" in response.content
