"""What the System page, alerts and Prometheus make of the shadows' heartbeat."""

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from inference.artefacts.versions import Slot, VersionStore
from inference.vocabulary import FORECASTS
from market import keys

SLOT = Slot(FORECASTS)


@pytest.fixture
def on_trial(tmp_path: Path, settings: Settings) -> VersionStore:
    """An instance with one version on trial."""
    settings.VAR_DIR = tmp_path
    store = VersionStore(tmp_path)
    store.add(SLOT, "v2", {"card.md": b"made for a test"})
    store.set_shadows(SLOT, ["v2"])
    return store


def beat(client: redis.Redis, status: str = "healthy", **version: Any) -> None:
    told = {
        "slot": FORECASTS, "version": "v2", "state": "speaking", "code": "", "message": "",
        "said": 12, "skipped": {"late": 3}, "overdue_share": 0.0, "behind": 1, "latency_ms": 2.5,
    } | version  # fmt: skip
    detail = json.dumps({"error": "", "leading": True, "versions": [told]})
    fields: dict[Any, Any] = {"status": status, "pid": 1, "ts": 1, "detail": detail}
    client.hset(keys.health("shadow"), mapping=fields)


def alerts(client: Client) -> dict[str, str]:
    told = client.get("/api/system").json()["alerts"]
    return {each["code"]: each["severity"] for each in told if each["subject"] == "shadow"}


@pytest.mark.django_db
@pytest.mark.usefixtures("on_trial")
@pytest.mark.parametrize(
    ("status", "version", "expected"),
    [
        ("healthy", {}, {}),
        ("degraded", {"code": "digest_mismatch", "state": "refused"}, {"trial_refused": "warning"}),
        ("healthy", {"overdue_share": 0.2}, {"trial_behind": "warning"}),
    ],
)
def test_trouble_of_a_model_on_trial_is_a_warning(
    client: Client, clean_redis: redis.Redis, status: str, version: dict[str, Any],
    expected: dict[str, str],
) -> None:  # fmt: skip
    beat(clean_redis, status, **version)
    assert alerts(client) == expected


@pytest.mark.django_db
def test_silent_shadow_is_told_of_only_while_something_is_on_trial(
    client: Client, clean_redis: redis.Redis, on_trial: VersionStore
) -> None:
    assert alerts(client) == {"process_down": "warning"}
    on_trial.set_shadows(SLOT, [])
    assert alerts(client) == {}
    assert client.get("/health").json()["processes"]["shadow"] == {"status": "idle"}


def test_metrics_tell_each_model_on_trial(client: Client, clean_redis: redis.Redis) -> None:
    beat(clean_redis)
    text = client.get("/metrics").content.decode()
    labels = 'slot="forecasts",version="v2"'
    for line in (
        "shadow_up 1.0",
        f"shadow_speaking{{{labels}}} 1.0",
        f"shadow_said_total{{{labels}}} 12.0",
        f'shadow_skipped_total{{reason="late",{labels}}} 3.0',
        f"shadow_behind{{{labels}}} 1.0",
        f"shadow_latency_seconds{{{labels}}} 0.0025",
    ):
        assert line in text
