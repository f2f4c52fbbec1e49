"""`/api/system` and `/metrics`: what is wrong with a live market."""

from typing import Any

import pytest
import redis
from django.test import Client

from market import keys
from market.listings import SymbolStatus
from tests.hot_state import write_listings
from tests.integration.system.told import asked, beat, codes

pytestmark = pytest.mark.django_db


FEED: dict[str, Any] = {
    "exchange": "binance",
    "connections": [
        {"name": "market-1", "up": True, "age_ms": 5_000.0, "proof_age_ms": 20.0},
        {"name": "market-2", "up": True, "symbols": ["BTCUSDT"]},
    ],
    "counters": {"frames": 1_000, "gaps": 40, "conflated": 9},
    "clock_offset_ms": 12.5,
    "clock_uncertainty_ms": 3.0,
}


LOST = {"name": "market-1", "up": False, "error": "reset", "symbols": ["ETHUSDT"]}


def test_system_live_feed_in_order_is_told_without_an_alert(
    client: Client, well: redis.Redis
) -> None:
    beat(well, "market", "active", feed=FEED)
    write_listings(well, "binance", BTCUSDT=SymbolStatus.TRADING)
    document = asked(client)
    assert document["alerts"] == []
    assert document["outage"] is None
    assert document["feed"]["clock_offset_ms"] == 12.5
    assert document["feed"]["connections"][0]["proof_age_ms"] == 20.0
    assert document["listings"]["venue"] == "binance"
    assert document["listings"]["symbols"][0]["symbol"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"clock_offset_ms": 1_400.0}, "clock_offset", "binance is 1.40 s ahead of"),
        ({"clock_offset_ms": -1_400.0}, "clock_offset", "binance is 1.40 s behind"),
        ({"clock_offset_ms": 1_400.0, "clock_uncertainty_ms": 500.0}, None, ""),
        ({"last_minute": {"gaps": 7}}, "sequence_gaps", "7 books"),
        ({"last_minute": {"gaps": 6}}, None, ""),
        ({"last_minute": {"conflated": 12}}, "feed_conflated", "12 updates"),
        (
            {"connections": [FEED["connections"][0], FEED["connections"][1] | {"up": False}]},
            "connection_lost",
            "1 of 2 connections to binance are down: market-2: BTCUSDT.",
        ),
        (
            {"connections": [LOST | {"proof_age_ms": 29_999.0}]},
            "connection_lost",
            "1 of 1 connections to binance are down: market-1: ETHUSDT (reset).",
        ),
        (
            {"connections": [LOST | {"proof_age_ms": 30_000.0}]},
            "feed_down",
            "tried binance (reset)",
        ),
    ],
)
def test_system_live_feed_in_trouble_is_an_alert_in_words(
    client: Client, well: redis.Redis, changes: dict[str, Any], code: str | None, said: str
) -> None:
    beat(well, "market", "active", feed=FEED | changes)
    alerts = asked(client)["alerts"]
    assert [each["code"] for each in alerts] == ([code] if code else [])
    assert all(said in each["message"] for each in alerts)


def test_system_outage_is_one_alert_that_says_who_was_tried(
    client: Client, well: redis.Redis
) -> None:
    tried = [{"exchange": "binance", "error": "timed out"}, {"exchange": "kraken", "error": "no"}]
    beat(well, "market", "feed_down", outage={"since_ms": 1_767_225_600_000, "tried": tried})
    refused = {"feed_down": ["BTCUSDT"], "symbol_halted": ["ETHUSDT"]}
    beat(well, "inference", "degraded", components={"feature_quality": {"refused": refused}})
    document = asked(client)
    (alert,) = document["alerts"]
    assert (alert["code"], alert["severity"]) == ("feed_down", "critical")
    assert (
        "since 2026-01-01 00:00:00 UTC; tried binance (timed out), kraken (no)" in alert["message"]
    )
    assert document["outage"]["tried"] == tried
    assert document["health"] == "degraded"


def test_system_market_that_is_simulated_for_want_of_an_exchange_says_so(
    client: Client, well: redis.Redis
) -> None:
    beat(well, "market", "active", source="auto", tried=[{"exchange": "kraken", "error": "451"}])

    [alert] = asked(client)["alerts"]

    assert (alert["code"], alert["severity"]) == ("simulated_instead", "info")
    assert "kraken (451)" in alert["message"]


def test_metrics_tell_what_the_market_process_told(client: Client, well: redis.Redis) -> None:
    beat(well, "market", "active", feed=FEED)
    told = client.get("/metrics").content.decode()
    assert "market_up 1.0" in told and "market_feed_down 0.0" in told
    assert 'market_feed_connections{exchange="binance",state="up"} 2.0' in told
    assert 'market_feed_events_total{exchange="binance",what="gaps"} 40.0' in told
    assert 'market_clock_offset_seconds{exchange="binance"} 0.0125' in told
    beat(well, "market", "feed_down", outage={"since_ms": 1.0})
    told = client.get("/metrics").content.decode()
    assert "market_up 1.0" in told and "market_feed_down 1.0" in told
    assert "market_clock_offset_seconds{" not in told
    well.delete(keys.health("market"))
    assert "market_up 0.0" in client.get("/metrics").content.decode()


def test_system_coins_that_are_not_traded_are_named_once(client: Client, well: redis.Redis) -> None:
    write_listings(
        well,
        "binance",
        BTCUSDT=SymbolStatus.TRADING,
        ETHUSDT=SymbolStatus.HALTED,
        SOLUSDT=SymbolStatus.DELISTED,
    )
    document = asked(client)
    assert codes(document) == ["symbol_halted", "symbol_delisted"]
    assert "binance has halted trading in ETHUSDT." in document["alerts"][0]["message"]
    assert [each["symbol"] for each in document["listings"]["symbols"]] == [
        "ETHUSDT", "SOLUSDT", "BTCUSDT",
    ]  # fmt: skip
