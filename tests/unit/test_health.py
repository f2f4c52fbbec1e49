"""What /health says: the specification's fields, and a status for every state of the loop."""

import time
from typing import Any

import pytest

from inference.health import LoopStatus, ModelStatus, TickReport

PERIOD_SECONDS = 2.0

SPECIFIED = {
    "status": None,
    "service": None,
    "components": {
        "model": {
            "status": None,
            "version": None,
            "last_prediction": None,
            "avg_inference_ms": None,
            "predictions_per_minute": None,
        },
        "redis_connection": {
            "status": None,
            "avg_read_latency_ms": None,
            "feature_freshness_ms": None,
            "connection_pool_usage": None,
        },
        "prediction_pipeline": {
            "status": None,
            "frequency_actual": None,
            "frequency_target": None,
            "avg_total_latency_ms": None,
            "success_rate": None,
        },
        "feature_quality": {
            "avg_completeness": None,
            "avg_data_age_ms": None,
            "stale_feature_rate": None,
        },
    },
}
"""The fields of the specification's example."""

ADDED = {
    "model": {"digest", "warnings", "refused"},
    "redis_connection": set(),
    "prediction_pipeline": {"missed_ticks", "too_slow", "venue", "live"},
    "feature_quality": {"refused"},
    "memory": {"status"},
}


def report(**changes: Any) -> TickReport:
    fields: dict[str, Any] = {
        "tick": 1, "tick_ms": 2_000, "symbols": 4, "model": 4, "fallbacks": 0, "stale": 0,
        "read_ms": 0.8, "model_ms": 20.0, "write_ms": 0.5, "total_ms": 40.0, "lateness_ms": 0.2,
        "missed": 0, "completeness": 0.9, "age_ms": 1_000.0, "written": True, "too_slow": False,
    }  # fmt: skip
    return TickReport(**(fields | changes))


def status(**changes: Any) -> LoopStatus:
    fields: dict[str, Any] = {
        "service": "bitcoin-inference",
        "frequency_seconds": PERIOD_SECONDS,
        "model": ModelStatus("v1.2.3", loaded=True),
        "pool_size": 5,
        "leading": True,
        "redis_connected": True,
        "pool_in_use": 2,
    }
    return LoopStatus(**(fields | changes))


def ticked(**changes: Any) -> LoopStatus:
    told = status(**changes)
    told.add(report())
    return told


def test_document_has_every_field_of_the_specification_and_only_these_more() -> None:
    document = ticked().document()
    assert set(document) == {"status", "service", "components"}
    components = document["components"]
    assert set(components) == set(ADDED)
    specified: Any = SPECIFIED["components"]
    for name, added in ADDED.items():
        assert set(components[name]) == set(specified.get(name, {})) | added, name


def test_document_in_working_order_says_what_was_measured() -> None:
    told = ticked()
    told.add(report(tick=2, model=2, fallbacks=2, stale=1, total_ms=60.0, missed=3))
    told.finished[0] = told.finished[1] - 2.0
    document = told.document()
    components = document["components"]
    assert (document["status"], document["service"]) == ("healthy", "bitcoin-inference")
    assert components["model"]["version"] == "v1.2.3"
    assert components["model"]["avg_inference_ms"] == 20.0
    assert components["model"]["predictions_per_minute"] == 30.0
    assert components["redis_connection"]["connection_pool_usage"] == 0.4
    assert components["redis_connection"]["avg_read_latency_ms"] == 0.8
    assert components["redis_connection"]["feature_freshness_ms"] == 1_000.0
    assert components["prediction_pipeline"]["frequency_actual"] == 2.0
    assert components["prediction_pipeline"]["frequency_target"] == 2.0
    assert components["prediction_pipeline"]["avg_total_latency_ms"] == 50.0
    assert components["prediction_pipeline"]["success_rate"] == 0.75
    assert components["prediction_pipeline"]["missed_ticks"] == 3
    assert components["feature_quality"]["avg_completeness"] == 0.9
    assert components["feature_quality"]["stale_feature_rate"] == 0.125
    last = components["model"]["last_prediction"]
    assert time.strptime(last, "%Y-%m-%dT%H:%M:%SZ")


def test_document_before_the_first_tick_measures_nothing_and_says_null() -> None:
    components = status().document()["components"]
    assert components["model"]["last_prediction"] is None
    assert components["model"]["avg_inference_ms"] is None
    assert components["model"]["predictions_per_minute"] is None
    assert components["redis_connection"]["avg_read_latency_ms"] is None
    assert components["redis_connection"]["feature_freshness_ms"] is None
    assert components["prediction_pipeline"]["frequency_actual"] is None
    assert components["prediction_pipeline"]["success_rate"] is None
    assert components["feature_quality"] == {
        "avg_completeness": None,
        "avg_data_age_ms": None,
        "stale_feature_rate": None,
        "refused": {},
    }


def test_document_names_symbols_whose_features_the_last_tick_refused() -> None:
    told = status()
    told.add(report(refused={"other_venue": ["ETHUSDT"]}))
    told.add(report(tick=2, refused={"stale_features": ["SOLUSDT"]}))
    quality = told.document()["components"]["feature_quality"]
    assert quality["refused"] == {"stale_features": ["SOLUSDT"]}


def test_document_of_fallbacks_alone_has_no_inference_time() -> None:
    told = status()
    told.add(report(model=0, fallbacks=4, model_ms=0.0, completeness=None, age_ms=None))
    components = told.document()["components"]
    assert components["model"]["avg_inference_ms"] is None
    assert components["prediction_pipeline"]["success_rate"] == 0.0
    assert components["feature_quality"]["avg_completeness"] is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "healthy"),
        ({"redis_connected": False}, "unhealthy"),
        ({"redis_connected": False, "leading": False}, "unhealthy"),
        ({"leading": False}, "standby"),
        ({"model": ModelStatus("trend", loaded=False)}, "degraded"),
        ({"memory_pressure": True}, "degraded"),
    ],
)
def test_status_follows_the_state(changes: dict[str, Any], expected: str) -> None:
    assert ticked(**changes).status == expected


def test_status_before_the_first_tick_is_starting() -> None:
    assert status().status == "starting"


def test_status_of_a_tick_without_the_model_is_degraded_until_it_is_back() -> None:
    told = ticked()
    told.add(report(model=0, fallbacks=4))
    assert told.status == "degraded"
    told.add(report(model=1, fallbacks=3))
    assert told.status == "healthy"


def test_status_without_a_prediction_for_over_three_periods_is_unhealthy() -> None:
    told = ticked()
    told.last_wall = time.time() - 3 * PERIOD_SECONDS - 2
    assert told.status == "unhealthy"


def test_status_does_not_count_a_tick_that_was_not_written() -> None:
    told = status()
    told.add(report(written=False))
    assert told.last_wall is None
    assert told.document()["components"]["prediction_pipeline"]["frequency_actual"] is None
