"""What processes say of themselves, and what `/api/system` makes of it."""

import json
from typing import Any

import redis
from django.test import Client
from django.utils import timezone

from market import keys

ROOM = {
    "disk_free_bytes": 50_000_000_000,
    "disk_total_bytes": 100_000_000_000,
    "memory_available_bytes": 4_000_000_000,
    "memory_total_bytes": 8_000_000_000,
}


def beat(client: redis.Redis, process: str, status: str = "healthy", **detail: Any) -> None:
    now_ms = round(timezone.now().timestamp() * 1000)
    fields: Any = {"status": status, "pid": 1, "ts": now_ms, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def asked(client: Client) -> dict[str, Any]:
    response = client.get("/api/system")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def codes(document: dict[str, Any]) -> list[str]:
    return [each["code"] for each in document["alerts"]]
