"""How far a prediction's features lay from those of the predictions before it."""

import json
from typing import Any

import numpy as np
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inference.forecasts.entry import TickEntry
from inference.signals.entry import Said
from market.candles.timeframes import Timeframe
from market.candles.vector import INDICATOR_COUNT, INDICATOR_NAMES
from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES, INDEX
from predictions.feature_ranges import LEAST_EARLIER, MOST_EARLIER, compare
from predictions.models import Forecast, LedgerEntry, Signal
from tests.integration.ledger import NAN, new_recorder, publish, tick_entry
from tests.integration.ledger import drain as drain_forecasts
from tests.integration.tampering import tampering
from tests.integration.test_signal_recorder import batch, drain, hand_over, recorder
from tests.signal_loops import DAY_MS, M15, make_signal

pytestmark = pytest.mark.django_db

H1 = Timeframe.H1
VOLUME = INDEX["volume_1s"]


def features(volume: float, momentum: float = 0.0) -> np.ndarray:
    row = np.zeros((1, FEATURE_COUNT))
    row[0, VOLUME], row[0, INDEX["momentum"]] = volume, momentum
    return row


def tick(index: int, volume: float, momentum: float = 0.0, **changes: Any) -> TickEntry:
    return tick_entry(index, features=features(volume, momentum), **changes)


def newest_forecast(client: Client) -> dict[str, Any]:
    answer = client.get(f"/api/forecasts/{Forecast.objects.latest('tick').pk}")
    assert answer.status_code == 200
    return dict(answer.json())


def named(ranges: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in ranges["features"] if each["name"] == name)


def test_forecast_far_feature_comes_first_with_its_range(client: Client, binary: redis.Redis):
    ticks = [tick(index, volume=index % 41, momentum=index % 41) for index in range(41)]
    publish(binary, *ticks, tick(41, volume=200.0, momentum=20.0))
    drain_forecasts(new_recorder(binary))

    ranges = newest_forecast(client)["feature_ranges"]

    assert (ranges["reference"], ranges["n"]) == ("ledger", 41)
    assert ranges["from"] == "2026-01-01T00:00:00.000+00:00"
    assert ranges["to"] == "2026-01-01T00:01:20.000+00:00"
    first = ranges["features"][0]
    assert first == {
        "name": "volume_1s",
        "value": 200.0,
        "n": 41,
        "lower": pytest.approx(2.0),
        "upper": pytest.approx(38.0),
        "position": pytest.approx(10.0),
        "outside": True,
    }
    assert named(ranges, "momentum")["position"] == pytest.approx(0.0)
    assert named(ranges, "momentum")["outside"] is False
    assert {each["name"] for each in ranges["features"]} == set(FEATURE_NAMES)


def test_forecast_with_few_before_it_has_values_and_no_range(client: Client, binary: redis.Redis):
    publish(binary, *(tick(index, volume=index) for index in range(LEAST_EARLIER)))
    drain_forecasts(new_recorder(binary))

    ranges = newest_forecast(client)["feature_ranges"]

    assert ranges["n"] == LEAST_EARLIER - 1
    volume = named(ranges, "volume_1s")
    assert (volume["value"], volume["n"]) == (LEAST_EARLIER - 1, LEAST_EARLIER - 1)
    unknown = ("lower", "upper", "position", "outside")
    assert all(each[name] is None for each in ranges["features"] for name in unknown)


def test_forecast_range_is_of_its_own_market_and_hour(client: Client, binary: redis.Redis):
    publish(
        binary,
        *(tick(index, volume=1_000.0) for index in range(40)),
        *(tick(1_840 + index, volume=5_000.0, venue="other") for index in range(40)),
        *(
            tick(1_840 + index, volume=7_000.0, mids={"ETHUSDT": 9.0}, shard=1)
            for index in range(9)
        ),
        *(tick(1_840 + index, volume=index) for index in range(40)),
    )
    drain_forecasts(new_recorder(binary))

    newest = Forecast.objects.filter(venue="test", symbol="BTCUSDT").latest("tick")
    ranges = client.get(f"/api/forecasts/{newest.pk}").json()["feature_ranges"]

    assert ranges["n"] == 39
    assert named(ranges, "volume_1s")["upper"] < 40


def test_forecast_range_reads_no_more_than_it_needs(client: Client, binary: redis.Redis):
    publish(binary, *(tick(index, volume=index) for index in range(300)))
    drain_forecasts(new_recorder(binary))

    with CaptureQueriesContext(
        connection,
    ) as asked:
        ranges = newest_forecast(client)["feature_ranges"]

    assert MOST_EARLIER / 2 < ranges["n"] <= MOST_EARLIER
    assert ranges["to"] == "2026-01-01T00:09:56.000+00:00"
    assert len(asked) < 8


def test_forecast_void_feature_has_no_position_and_comes_last(client: Client, binary: redis.Redis):
    publish(
        binary,
        *(tick(index, volume=index, momentum=index) for index in range(40)),
        tick(40, volume=NAN, momentum=3.0),
    )
    drain_forecasts(new_recorder(binary))

    body = newest_forecast(client)

    last = body["feature_ranges"]["features"][-1]
    assert (last["name"], last["value"], last["outside"]) == ("volume_1s", None, None)
    assert last["upper"] is not None


def test_forecast_of_a_pruned_entry_has_no_ranges(client: Client, binary: redis.Redis):
    publish(binary, *(tick(index, volume=index) for index in range(40)))
    drain_forecasts(new_recorder(binary))
    with tampering():
        LedgerEntry.objects.update(packed=None)

    body = newest_forecast(client)

    assert body["features"] is body["feature_ranges"] is None


def test_signal_range_is_of_its_timeframe_and_newest_revisions(client: Client, binary: redis.Redis):
    def said(index: int, value: float, revision: int = 0) -> Said:
        open_ms = DAY_MS + index * M15.ms
        row = (value, *(0.0 for _ in range(INDICATOR_COUNT - 1)))
        return Said(make_signal(candle_open_ms=open_ms, features=row), revision)

    entries = [
        batch(said(index, float(index)), batch=DAY_MS + index * 10, made_ms=DAY_MS + index)
        for index in range(40)
    ]
    again = batch(said(3, 9_999.0, 1), batch=DAY_MS + 35, made_ms=DAY_MS + 35)
    hand_over(binary, *entries, again, batch(said(40, -90.0), batch=DAY_MS + 999))
    drain(recorder(binary))

    newest = Signal.objects.latest("candle_open")
    ranges = client.get(f"/api/signals/{newest.pk}").json()["feature_ranges"]

    assert ranges["n"] == 40
    first = ranges["features"][0]
    assert (first["name"], first["value"], first["outside"]) == (INDICATOR_NAMES[0], -90.0, True)
    assert first["position"] < -4
    assert first["upper"] == pytest.approx(
        float(np.quantile([*range(3), *range(4, 40), 9999], 0.95))
    )


def shipped_digest() -> str:
    manifest = json.loads((settings.BASE_DIR / "models/pooled/1h/manifest.json").read_text())
    return str(manifest["files"][manifest["network"]])


def test_first_signal_of_a_market_is_held_against_its_models_training(
    client: Client, binary: redis.Redis
) -> None:
    row = (90.0, *(0.0 for _ in range(INDICATOR_COUNT - 1)))
    made = make_signal("BTCUSDT", H1, features=row, model_digest=shipped_digest())
    hand_over(binary, batch(Said(made), timeframe=H1))
    drain(recorder(binary))

    ranges = client.get(f"/api/signals/{Signal.objects.get().pk}").json()["feature_ranges"]

    assert (ranges["reference"], ranges["n"], ranges["from"]) == ("training", 0, None)
    strength = named(ranges, "rsi_14")
    middle, half = (strength["lower"] + strength["upper"]) / 2, strength["upper"] - 50
    assert middle == pytest.approx(50, abs=1)
    assert half == pytest.approx(1.645 * 11.4, abs=1)
    assert strength["outside"] is True


def test_signal_of_a_model_that_is_gone_has_no_ranges(client: Client, binary: redis.Redis) -> None:
    hand_over(binary, batch(Said(make_signal("BTCUSDT", H1, model_digest="0" * 64)), timeframe=H1))
    drain(recorder(binary))

    ranges = client.get(f"/api/signals/{Signal.objects.get().pk}").json()["feature_ranges"]

    assert ranges["reference"] is None
    assert all(each["upper"] is None for each in ranges["features"])


def test_training_gives_way_to_a_ledger_that_knows_enough() -> None:
    earlier = [(at, {"a": float(at)}) for at in range(LEAST_EARLIER)]
    trained = {"a": (-1.0, 1.0)}

    assert compare({"a": 5.0}, earlier[1:], trained).reference == "training"
    ledger = compare({"a": 5.0}, earlier, trained)
    assert (ledger.reference, ledger.features[0].outside) == ("ledger", False)


def test_compare_feature_that_never_moved_before_comes_first() -> None:
    earlier = [(at, {"still": 1.0, "moving": float(at)}) for at in range(40)]

    moved = compare({"moving": 100.0, "still": 2.0}, earlier)
    as_ever = compare({"moving": 100.0, "still": 1.0}, earlier)

    assert [each.name for each in moved.features] == ["still", "moving"]
    assert (moved.features[0].position, moved.features[0].outside) == (None, True)
    assert [each.name for each in as_ever.features] == ["moving", "still"]
    assert as_ever.features[1].outside is False


def test_compare_pruned_entries_do_not_count() -> None:
    ranges = compare({"a": 1.0}, [(at, {"a": 1.0} if at % 2 else None) for at in range(100)])

    assert (ranges.n, ranges.from_ms, ranges.to_ms) == (50, 1, 99)
