"""Redis → forecast → Redis with a real server: fields, chain, message, lease, standby."""

import asyncio
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer

from inference.forecasts.entry import TickEntry
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.prediction_cache import from_hash
from inference.forecasts.schedule import Due
from inference.handover.chain import GENESIS, entry_hash
from inference.handover.fence import LeaseLostError
from inference.handover.lease import TTL_MS
from inference.handover.link import HotLink, LinkError, render
from inference.server import prediction_result
from market import keys
from tests.hot_state import PRICE, TICK_SECONDS, config, make_loop, with_performance, write_features
from tests.waiting import PATIENCE_SECONDS, eventually

SPECIFIED = {
    "predicted_price", "current_price", "confidence", "prediction_ts", "target_ts",
    "model_version", "latency_ms", "features_age_ms", "source",
}  # fmt: skip
ADDED = {"mid_price", "lower", "upper", "p_up", "reason", "venue", "live"}


@pytest.fixture
def raw_redis(redis_url: str, clean_redis: redis.Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


async def run(loop: ForecastLoop, ticks: int | None) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await loop.run(ticks)


def logged(client: redis.Redis) -> list[bytes]:
    stream: Any = client.xrange(keys.log("forecasts"))
    return [fields[b"entry"] for _, fields in stream]


async def test_tick_writes_the_specified_hash_with_its_ttl(redis_url, clean_redis):
    write_features(clean_redis)
    before_ms = time.time() * 1000
    await run(make_loop(redis_url), 1)
    fields = clean_redis.hgetall(keys.pred("BTCUSDT"))
    assert set(fields) == SPECIFIED | ADDED
    assert float(fields["predicted_price"]) == pytest.approx(PRICE * math.exp(0.5e-4), rel=1e-12)
    assert float(fields["current_price"]) == PRICE
    assert fields["source"] == "redis"
    made, target = int(fields["prediction_ts"]), int(fields["target_ts"])
    assert made % round(TICK_SECONDS * 1000) == 0
    assert before_ms - 1 <= made <= time.time() * 1000
    assert target - made == 1_000
    assert float(fields["latency_ms"]) > 0
    assert 0 < clean_redis.ttl(keys.pred("BTCUSDT")) <= 60


async def test_entry_hash_and_memory_tell_the_same(redis_url, raw_redis, clean_redis):
    write_features(clean_redis, bid_strength=None)
    loop = make_loop(redis_url)
    await run(loop, 1)
    (packed,) = logged(raw_redis)
    entry = TickEntry.unpack(packed)
    assert loop.latest is not None
    published = from_hash("BTCUSDT", clean_redis.hgetall(keys.pred("BTCUSDT")))
    remembered = prediction_result(loop.latest, 0)
    del remembered["reason_text"]
    assert published == remembered
    assert entry.column("predicted_price")[0] == remembered["predicted_price"]
    assert entry.column("completeness")[0] == pytest.approx(0.95)
    assert math.isnan(entry.features[0, 11])
    assert (entry.venue, entry.live) == ("external", True)


async def test_entries_form_a_hash_chain_over_ticks_that_follow(redis_url, raw_redis, clean_redis):
    write_features(clean_redis)
    await run(make_loop(redis_url), 5)
    packed = logged(raw_redis)
    chain = [TickEntry.unpack(each) for each in packed]
    assert chain[0].prev == GENESIS
    for earlier, entry in zip(packed, chain[1:], strict=False):
        assert entry.prev == entry_hash(earlier)
    ticks = [entry.tick for entry in chain]
    assert ticks == list(range(ticks[0], ticks[0] + 5))
    head = clean_redis.hgetall(keys.head("forecasts", "external", 0))
    newest: Any = raw_redis.xrevrange(keys.log("forecasts"), count=1)
    expected = {"hash": entry_hash(packed[-1]).hex(), "tick": str(ticks[-1])}
    assert head == expected | {"id": newest[0][0].decode()}


async def test_message_of_a_tick_reaches_the_channel_layers_group(redis_url, clean_redis):
    write_features(clean_redis)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(keys.PREDICTIONS_GROUP, channel)
    await run(make_loop(redis_url), 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        message = await layer.receive(channel)
    assert message["type"] == "tick"
    assert set(message["frames"]) == {"BTCUSDT"}
    assert '"live":true' in message["frames"]["BTCUSDT"]


async def test_many_symbols_are_one_entry_and_one_hash_each(redis_url, raw_redis, clean_redis):
    symbols = tuple(f"COIN{index}USDT" for index in range(40))
    for symbol in symbols[:-1]:
        write_features(clean_redis, symbol)
    await run(make_loop(redis_url, symbols=symbols), 1)
    (packed,) = logged(raw_redis)
    entry = TickEntry.unpack(packed)
    assert entry.symbols == list(symbols)
    assert entry.sources == ["redis"] * 39 + ["fallback-error"]
    assert entry.reasons[-1] == "features_missing"
    assert clean_redis.hget(keys.pred(symbols[-1]), "predicted_price") == "0.0"
    assert (
        from_hash(symbols[-1], clean_redis.hgetall(keys.pred(symbols[-1])))["predicted_price"]
        is None
    )


async def test_slow_tick_is_published_with_too_slow_and_counted(redis_url, clean_redis):
    write_features(clean_redis)
    loop = make_loop(
        redis_url, config=with_performance(config(), max_inference_latency_ms=0.000_001)
    )
    await run(loop, 2)
    assert clean_redis.hget(keys.pred("BTCUSDT"), "reason") == "too_slow"
    assert loop._metrics.registry.get_sample_value("inference_too_slow_total") == 2


async def test_second_loop_waits_and_takes_over_within_two_ticks(redis_url, raw_redis, clean_redis):
    write_features(clean_redis)
    stop_first = asyncio.Event()
    first = make_loop(redis_url, stopping=stop_first.is_set)
    second = make_loop(redis_url)
    running = asyncio.create_task(run(first, None))
    await eventually(lambda: logged(raw_redis))
    standing_by = asyncio.create_task(run(second, 5))
    await eventually(lambda: clean_redis.exists(keys.health(f"inference-standby-{os.getpid()}")))
    assert second.latest is None
    assert second.status.status == "standby"
    stop_first.set()
    await running
    await standing_by
    entries = [TickEntry.unpack(each) for each in logged(raw_redis)]
    ticks = [entry.tick for entry in entries]
    assert len(set(ticks)) == len(ticks)
    tokens = [entry.token for entry in entries]
    assert tokens == sorted(tokens)
    # A clean stop gives the lease back; the standby asks every half second, so the gap is
    # bounded by that, whatever the period.
    taken_over = tokens.count(tokens[0])
    assert ticks[taken_over] - ticks[taken_over - 1] <= 0.5 / TICK_SECONDS + 2


async def test_takeover_carries_the_interval_and_what_is_to_mature(redis_url, clean_redis):
    write_features(clean_redis)
    first = make_loop(redis_url)
    await run(first, 9)
    second = make_loop(redis_url)
    await run(second, 1)
    assert first.ticker.forecaster.intervals.low[0] < 0
    assert second.latest is not None
    # The last tick of the first loop, learnt anew from its entry, and the second loop's own.
    assert second.ticker.forecaster.tally.rolling().graded == 2
    assert second.latest.column("interval_low")[0] < first.latest.column("interval_low")[0]


async def test_paused_leader_that_wakes_up_writes_nothing(redis_url, raw_redis, clean_redis):
    write_features(clean_redis)
    paused = make_loop(redis_url)
    await paused.take_lead()
    held = paused.lead.held
    due = Due(tick=10_000_000_000, tick_ms=10_000_000_000 * 200, lateness_ms=0.0, missed=0)
    clean_redis.delete(keys.lease("forecasts", 0))  # what its expiry does
    other = make_loop(redis_url)
    assert await other.lead.take() is not None
    with pytest.raises(LeaseLostError):
        await paused.ticker.run(due, held)
    assert logged(raw_redis) == []
    assert not clean_redis.exists(keys.pred("BTCUSDT"))


async def test_take_over_that_fails_gives_the_lead_back(redis_url, clean_redis, monkeypatch):
    async def no_answer() -> None:
        raise LinkError("no reply")

    loop, other = make_loop(redis_url), make_loop(redis_url)
    monkeypatch.setattr(loop.ticker, "look", no_answer)
    with pytest.raises(LinkError):
        await loop.take_lead()
    assert not loop.status.leading
    assert await other.lead.take() is not None


async def test_lease_tokens_grow_even_where_redis_lost_its_data(redis_url, clean_redis):
    first = await make_loop(redis_url).lead.take()
    clean_redis.flushall()
    second = await make_loop(redis_url).lead.take()
    assert second.token > first.token
    clean_redis.delete(keys.lease("forecasts", 0))
    clean_redis.set(keys.lease_last("forecasts", 0), str(second.token + 10**12))
    third = await make_loop(redis_url).lead.take()
    assert third.token == second.token + 10**12 + 1
    assert clean_redis.pttl(keys.lease("forecasts", 0)) <= TTL_MS


async def test_tick_already_in_the_log_is_not_made_again(redis_url, raw_redis, clean_redis):
    write_features(clean_redis)
    loop = make_loop(redis_url)
    await loop.take_lead()
    now_ms = round(time.time() * 5) * 200
    due = Due(now_ms // 200, now_ms, 0.0, 0)
    assert (await loop.ticker.run(due, loop.lead.held)).entry is not None
    again = await loop.ticker.run(due, loop.lead.held)
    assert again.entry is None
    assert len(logged(raw_redis)) == 1


async def test_link_that_times_out_never_takes_a_late_reply_for_another(redis_url, clean_redis):
    link = HotLink(redis_url, timeout=0.5, connect_timeout=5)
    clean_redis.set("k", "right")
    with pytest.raises(LinkError, match="no reply"):
        await link.execute(render([("BLPOP", "nothing", "1")]))
    assert await link.execute(render([("GET", "k")])) == [b"right"]
    link.close()
