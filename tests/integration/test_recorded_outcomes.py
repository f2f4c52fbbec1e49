"""What the recorder finds out about forecasts, from where, and whom it tells."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from inference.vocabulary import FORECASTS, Source
from market import keys
from predictions.broadcast import OutcomeBroadcast
from predictions.models import Forecast, ForecastOutcome
from tests.integration.ledger import (
    FIRST_TICK_MS,
    NAN,
    FakeLayer,
    drain,
    new_recorder,
    publish,
    tick_entry,
)
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


def outcome_of(index: int, symbol: str = "BTCUSDT") -> ForecastOutcome | None:
    return ForecastOutcome.objects.filter(
        forecast__prediction_ts=tick_entry(index).tick_ms, forecast__symbol=symbol
    ).first()


def test_step_entry_at_the_target_grades_from_its_mid(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(5, {"BTCUSDT": 100.02}))

    drain(new_recorder(client))

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.status, outcome.price_from) == ("graded", "tick")
    assert outcome.target_mid == 100.02
    assert outcome.return_bp == pytest.approx(1.99980003)
    assert outcome.error_bp == pytest.approx(1.0 - 1.99980003)
    assert outcome.no_change_error_bp == pytest.approx(-1.99980003)
    assert outcome.direction_hit is True
    assert outcome.covered is True
    assert outcome_of(5) is None


def test_step_target_not_reached_is_not_graded(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(5)))

    drain(new_recorder(client))

    assert ForecastOutcome.objects.count() == 0


def test_step_missing_tick_is_graded_from_the_price_history(client: redis.Redis) -> None:
    target_ms = tick_entry(5).tick_ms
    for offset, mid in ((-900, "100.01"), (-100, "100.03"), (50, "100.09")):
        client.xadd(keys.px("BTCUSDT"), {"mid": mid}, id=f"{target_ms + offset}-0")
    publish(client, tick_entry(0), tick_entry(6))

    drain(new_recorder(client))

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.price_from, outcome.target_mid) == ("px", 100.03)


def test_step_tick_without_a_usable_mid_waits_and_takes_the_price_history(
    client: redis.Redis,
) -> None:
    target = tick_entry(5, columns={"features_age_ms": 6_000.0})
    client.xadd(keys.px("BTCUSDT"), {"mid": "100.03"}, id=f"{target.tick_ms - 4_000}-0")
    recorder = new_recorder(client)
    publish(client, tick_entry(0), target)
    drain(recorder)
    assert outcome_of(0) is None

    publish(client, tick_entry(6))
    drain(recorder)

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.price_from, outcome.target_mid) == ("px", 100.03)


@pytest.mark.parametrize(
    ("offset_ms", "mid"), [(-5_001, "100.0"), (1, "100.0"), (-10, "garbage"), (-10, "nan")]
)
def test_step_without_any_price_at_target_is_ungradable(
    client: redis.Redis, offset_ms: int, mid: str
) -> None:
    price_ms = tick_entry(5).tick_ms + offset_ms
    client.xadd(keys.px("BTCUSDT"), {"mid": mid}, id=f"{price_ms}-0")
    publish(client, tick_entry(0), tick_entry(6))

    drain(new_recorder(client))

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("ungradable", "no_price_at_target")
    assert outcome.target_mid is None
    assert outcome.error_bp is None


def test_step_price_history_of_another_venue_grades_nothing(client: redis.Redis) -> None:
    client.xadd(keys.px("BTCUSDT"), {"mid": "100.0"}, id=f"{tick_entry(5).tick_ms}-0")
    set_clock(client, venue="another")
    publish(client, tick_entry(0), tick_entry(6))

    drain(new_recorder(client))

    outcome = outcome_of(0)
    assert outcome is not None
    assert outcome.reason == "no_price_at_target"


def test_step_entry_made_after_its_target_is_stored_but_not_gradable(
    client: redis.Redis,
) -> None:
    target_ms = tick_entry(0).target_ms
    publish(client, tick_entry(0, made_ms=float(target_ms)))
    publish(client, tick_entry(1, made_ms=target_ms + 1_999.9))
    publish(client, tick_entry(5), tick_entry(6))

    drain(new_recorder(client))

    late, in_time = outcome_of(0), outcome_of(1)
    assert late is not None
    assert in_time is not None
    assert (late.status, late.reason) == ("ungradable", "made_too_late")
    assert in_time.status == "graded"


def test_step_live_entry_that_reached_the_log_after_its_target_is_not_gradable(
    client: redis.Redis,
) -> None:
    def reach(index: int, after_ms: int, live: bool) -> None:
        entry = tick_entry(index, live=live, venue="live" if live else "test")
        reached_ms = entry.tick_ms + after_ms
        client.xadd(keys.log(FORECASTS), {"entry": entry.pack()}, id=f"{reached_ms}-*")

    for index, after_ms in ((0, 5), (1, 9_999), (2, 10_000), (7, 5)):
        reach(index, after_ms, live=True)
    for index in (0, 5, 6):
        reach(index, 20_000, live=False)

    drain(new_recorder(client))

    found = ForecastOutcome.objects.order_by("forecast__venue", "forecast__prediction_ts")
    assert [(each.forecast.venue, each.forecast.late, each.reason) for each in found] == [
        ("live", False, "no_price_at_target"),
        ("live", False, "no_price_at_target"),
        ("live", True, "made_too_late"),
        ("test", False, ""),
    ]


def test_step_fallback_without_a_price_is_ungradable(client: redis.Redis) -> None:
    publish(
        client,
        tick_entry(0, columns={"predicted_price": NAN}, sources=[Source.ERROR.value]),
        tick_entry(5),
    )

    drain(new_recorder(client))

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("ungradable", "no_forecast")


def test_step_other_venue_at_the_same_time_grades_nothing(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(5, venue="another"))

    drain(new_recorder(client))

    assert ForecastOutcome.objects.count() == 0


def test_restart_ungraded_forecasts_are_found_in_the_database(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(4)))
    drain(new_recorder(client))
    publish(client, *(tick_entry(index, {"BTCUSDT": 100.0 + index}) for index in range(5, 12)))

    drain(new_recorder(client, "after-the-restart"))

    graded = ForecastOutcome.objects.filter(status="graded").count()
    assert graded == 6
    assert outcome_of(1) is not None


def test_step_entry_that_comes_after_its_target_is_graded_from_the_ledger(
    client: redis.Redis,
) -> None:
    recorder = new_recorder(client)
    publish(client, *(tick_entry(index, {"BTCUSDT": 100.0 + index}) for index in range(3, 20)))
    drain(recorder)
    publish(client, tick_entry(0), tick_entry(20))

    drain(recorder)

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.price_from, outcome.target_mid) == ("tick", 105.0)


def test_step_venue_that_ended_is_settled_when_another_market_runs(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(4))
    set_clock(client, venue="another")

    drain(new_recorder(client, quiet_seconds=0.0))

    assert set(ForecastOutcome.objects.values_list("reason", flat=True)) == {"no_price_at_target"}
    assert ForecastOutcome.objects.count() == 2


def test_step_quiet_loop_is_graded_by_the_markets_clock(client: redis.Redis) -> None:
    target_ms = tick_entry(0).target_ms
    client.xadd(keys.px("BTCUSDT"), {"mid": "100.5"}, id=f"{target_ms - 5}-0")
    set_clock(client, venue="test", market_ms=target_ms + 1_500)
    publish(client, tick_entry(0), tick_entry(1))

    drain(new_recorder(client, quiet_seconds=0.0))

    outcome = outcome_of(0)
    assert outcome is not None
    assert (outcome.price_from, outcome.target_mid) == ("px", 100.5)
    assert outcome_of(1) is None


def test_step_grading_asks_one_query_a_tick(
    client: redis.Redis, django_assert_max_num_queries: Any
) -> None:
    recorder = new_recorder(client)
    publish(client, *(tick_entry(index) for index in range(8)))
    drain(recorder)
    publish(client, tick_entry(8))

    # A savepoint and its release, three inserts, three questions to the log, one of grading;
    # on PostgreSQL also a lock, and tables that rows pass through, emptied again.
    with django_assert_max_num_queries(16) as captured:
        recorder.step()

    asked = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    assert sum('FROM "predictions_forecast"' in sql for sql in asked) == 1


def test_step_outcomes_go_to_the_group_after_the_commit(client: redis.Redis) -> None:
    layer = FakeLayer()
    publish(client, tick_entry(0), tick_entry(5, {"BTCUSDT": 100.02}))

    drain(new_recorder(client, layer=layer))

    [(group, message)] = layer.sent
    assert group == keys.PREDICTIONS_GROUP
    assert message["type"] == "outcomes"
    [frame] = message["frames"]
    assert frame["symbol"] == "BTCUSDT"
    assert frame["tick"] == tick_entry(0).tick
    assert Forecast.objects.get(pk=frame["forecast_id"]).tick == tick_entry(0).tick
    assert frame["target_mid"] == 100.02
    assert frame["direction_hit"] is True
    assert (frame["status"], frame["reason"]) == ("graded", "")
    json.dumps(frame)


def test_step_layer_that_fails_stops_nothing(client: redis.Redis) -> None:
    recorder = new_recorder(client, layer=FakeLayer(failing=True))
    publish(client, tick_entry(0), tick_entry(5), tick_entry(6))

    drain(recorder)

    assert Forecast.objects.count() == 3
    assert ForecastOutcome.objects.count() == 1
    assert recorder.broadcast.failures == 1


def test_broadcast_reaches_a_member_of_the_group(client: redis.Redis, redis_url: str) -> None:
    layer = RedisPubSubChannelLayer(hosts=[redis_url])
    broadcast = OutcomeBroadcast(layer)

    async def listen() -> Any:
        channel = await layer.new_channel()
        await layer.group_add(keys.PREDICTIONS_GROUP, channel)
        await asyncio.to_thread(broadcast.send, [{"symbol": "BTCUSDT"}])
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await layer.receive(channel)

    received = asyncio.run(listen())
    broadcast.close()

    assert received == {"type": "outcomes", "frames": [{"symbol": "BTCUSDT"}]}
    assert broadcast.failures == 0


def test_channel_layer_of_the_settings_is_what_the_broadcast_expects() -> None:
    assert callable(getattr(get_channel_layer(), "group_send", None))


def set_clock(client: redis.Redis, venue: str, market_ms: float = FIRST_TICK_MS) -> None:
    fields = {"venue": venue, "live": "0", "market_ms": market_ms, "wall_ms": 0, "speed": 0}
    client.hset(keys.clock(), mapping=fields)  # type: ignore[arg-type]
