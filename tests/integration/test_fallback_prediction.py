"""Fallbacks over a real Redis: stale, garbage, missing model, Redis gone and back."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.forecasts.forecaster import Speaker
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.service import ServiceSettings, load_speaker
from market import keys
from market.clock import MarketTime
from market.listings import SymbolStatus
from tests.hot_state import (
    TICK_SECONDS,
    config,
    make_loop,
    with_performance,
    write_features,
    write_feed_down,
    write_listings,
)
from tests.waiting import PATIENCE_SECONDS, eventually


async def run(loop: ForecastLoop, ticks: int | None) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await loop.run(ticks)


def said(client: redis.Redis) -> tuple[str, str, str]:
    fields: Any = client.hgetall(keys.pred("BTCUSDT"))
    return fields["source"], fields["reason"], fields["model_version"]


async def test_features_older_than_five_seconds_make_a_stale_fallback(redis_url, clean_redis):
    loop = make_loop(redis_url)
    write_features(clean_redis)
    running = asyncio.create_task(run(loop, 4))
    await eventually(lambda: loop.latest is not None)
    write_features(clean_redis, age=5.5)
    await running
    assert said(clean_redis) == ("fallback-stale", "stale_features", "test-1-fallback")
    fields = clean_redis.hgetall(keys.pred("BTCUSDT"))
    assert float(fields["confidence"]) == 0.3
    assert float(fields["predicted_price"]) > float(fields["current_price"])
    assert 5_500 <= float(fields["features_age_ms"]) < 10_000
    registry = loop._metrics.registry
    labels = {"source": "fallback-stale", "reason": "stale_features"}
    assert registry.get_sample_value("inference_fallback_predictions_total", labels) >= 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ret_1s": "garbage"}, "invalid_features"),
        ({"ret_1s": "inf"}, "invalid_features"),
        ({"mid_price": "nan"}, "incomplete_features"),
        ({"mid_price": None}, "incomplete_features"),
        ({"spread_bp": "-3"}, "crossed_book"),
        ({"age": -60.0}, "features_from_future"),
        ({"venue": "their-feed"}, ""),  # no feed of ours named a venue: any that may be live
    ],
)
async def test_bad_features_are_published_with_their_reason(
    redis_url, clean_redis, changes, reason
):
    write_features(clean_redis, **changes)
    await run(make_loop(redis_url), 1)
    expected = ("fallback-error", reason, "test-1-error") if reason else ("redis", "", "test-1")
    assert said(clean_redis) == expected


@pytest.mark.parametrize("status", [SymbolStatus.HALTED, SymbolStatus.DELISTED])
async def test_symbol_that_its_exchange_does_not_trade_is_refused_until_it_does(
    redis_url, clean_redis, status
):
    clean_redis.hset(keys.clock(), mapping=MarketTime("binance", True, 0.0, 0.0, 1.0).to_hash())
    symbols = ("BTCUSDT", "ETHUSDT")
    for symbol in symbols:
        write_features(clean_redis, symbol, venue="binance")
    write_listings(clean_redis, "binance", BTCUSDT=status, ETHUSDT=SymbolStatus.TRADING)
    loop = make_loop(redis_url, symbols=symbols)
    running = asyncio.create_task(run(loop, None))
    await eventually(lambda: loop.latest is not None)  # its first tick knows already
    assert said(clean_redis) == ("fallback-error", status.value, "test-1-error")
    fields = clean_redis.hgetall(keys.pred("BTCUSDT"))
    assert float(fields["confidence"]) == 0
    assert float(fields["predicted_price"]) == 0  # none, in the specification's words
    assert clean_redis.hget(keys.pred("ETHUSDT"), "source") == "redis"
    write_listings(clean_redis, "binance", BTCUSDT=SymbolStatus.TRADING)
    await eventually(lambda: said(clean_redis)[0] == "redis")
    running.cancel()


async def test_feed_that_is_down_is_the_reason_why_features_are_old(redis_url, clean_redis):
    symbols = ("BTCUSDT", "ETHUSDT")
    loop = make_loop(redis_url, symbols=symbols)
    write_features(clean_redis)
    running = asyncio.create_task(run(loop, None))
    await eventually(lambda: loop.latest is not None)
    write_feed_down(clean_redis)
    await eventually(lambda: clean_redis.hget(keys.pred("ETHUSDT"), "reason") == "feed_down")
    assert said(clean_redis)[0] == "redis"  # fresh features are somebody else's, and believed
    write_features(clean_redis, age=5.5)
    await eventually(lambda: said(clean_redis)[1] == "feed_down")
    assert said(clean_redis) == ("fallback-error", "feed_down", "test-1-error")
    assert loop.status.document()["components"]["feature_quality"]["refused"] == {
        "feed_down": list(symbols)
    }
    running.cancel()


async def test_age_of_refused_features_is_in_no_mean(redis_url, clean_redis):
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    write_features(clean_redis, "ETHUSDT", feature_ts=-1)
    write_features(clean_redis, "SOLUSDT", venue="simulated")
    loop = make_loop(redis_url, symbols=symbols)
    await run(loop, 1)
    quality = loop.status.document()["components"]["feature_quality"]
    assert quality["avg_data_age_ms"] is None
    write_features(clean_redis, "BTCUSDT")
    loop = make_loop(redis_url, symbols=symbols)
    await run(loop, 1)
    quality = loop.status.document()["components"]["feature_quality"]
    assert 0 <= quality["avg_data_age_ms"] < 5_000
    assert quality["refused"] == {"stale_features": ["ETHUSDT"], "other_venue": ["SOLUSDT"]}
    ages = "inference_feature_age_seconds"
    assert loop._metrics.registry.get_sample_value(f"{ages}_count") == 1
    assert loop._metrics.registry.get_sample_value(f"{ages}_sum") < 5
    assert clean_redis.hget(keys.pred("SOLUSDT"), "features_age_ms") in (None, "", "nan")


async def test_key_of_another_type_is_invalid_and_the_loop_goes_on(redis_url, clean_redis):
    clean_redis.set(keys.feat("BTCUSDT"), "not a hash")
    loop = make_loop(redis_url)
    running = asyncio.create_task(run(loop, 3))
    await eventually(lambda: loop.latest is not None)
    assert said(clean_redis)[:2] == ("fallback-error", "invalid_features")
    write_features(clean_redis)
    await running
    assert said(clean_redis)[0] == "redis"


@pytest.mark.parametrize("clock", ["text", {"venue": "simulated", "speed": "fast"}])
async def test_clock_that_cannot_be_read_stops_forecasts_rather_than_call_them_live(
    redis_url, clean_redis, clock
):
    write_features(clean_redis, venue="simulated")
    if isinstance(clock, str):
        clean_redis.set(keys.clock(), clock)
    else:
        clean_redis.hset(keys.clock(), mapping=clock)
    loop = make_loop(redis_url)
    running = asyncio.create_task(run(loop, None))
    await asyncio.sleep(3 * TICK_SECONDS)
    assert not clean_redis.exists(keys.pred("BTCUSDT"), keys.log("forecasts"))
    clean_redis.delete(keys.clock())
    await asyncio.sleep(3 * TICK_SECONDS)
    assert not clean_redis.exists(keys.log("forecasts"))  # a simulated venue is never external
    write_features(clean_redis, venue="their-feed")
    await eventually(lambda: loop.latest is not None)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_prediction_key_of_another_type_is_replaced(redis_url, clean_redis):
    write_features(clean_redis)
    clean_redis.set(keys.pred("BTCUSDT"), "somebody's text")
    await run(make_loop(redis_url), 1)
    assert said(clean_redis)[0] == "redis"


async def test_missing_model_is_replaced_by_the_trend(redis_url, clean_redis):
    write_features(clean_redis)
    await run(make_loop(redis_url, speaker=Speaker(None)), 3)
    assert said(clean_redis) == ("fallback-trend", "model_missing", "linear-trend")
    assert float(clean_redis.hget(keys.pred("BTCUSDT"), "confidence")) == pytest.approx(0.1)


def service(tmp_path: Path, model: str) -> ServiceSettings:
    base = config()
    sections = {name: getattr(base, name) for name in base.__struct_fields__}
    sections["model"] = type(base.model)(path=model, warm_up_iterations=1)
    sections["prediction"] = type(base.prediction)()
    return ServiceSettings(
        config=type(base)(**sections),
        symbols=("BTCUSDT",),
        redis_url="",
        base_dir=Path(settings.BASE_DIR),
        var_dir=tmp_path,
        token="",
    )


def test_unreadable_model_is_replaced_by_the_shipped_one(tmp_path):
    broken = tmp_path / "mine.onnx"
    broken.write_bytes(b"not a network")
    speaker, status = load_speaker(service(tmp_path, str(broken)))
    assert speaker.predictor is not None
    assert status.loaded
    assert [refusal["code"] for refusal in status.refused] == ["artefact_refused"]
    assert status.path.endswith("models/btc_predictor_v1.onnx")


def test_model_asked_for_a_market_it_never_saw_says_so(tmp_path):
    known = service(tmp_path, "models/btc_predictor_v1.onnx")
    assert load_speaker(known)[1].warnings == ()
    _, status = load_speaker(replace(known, symbols=("BTCUSDT", "NEXOUSDT")))
    (warning,) = status.warnings
    assert "NEXOUSDT" in warning
    assert "untested" in warning


async def test_redis_that_dies_stops_predictions_and_its_return_resumes_them(short_dir):
    server = RedisServer(locate(short_dir), find_program(), memory="64mb")
    server.start()
    url = locate(short_dir).url
    try:
        with redis.Redis.from_url(url, decode_responses=True) as client:
            write_features(client)
            loop = make_loop(url)
            running = asyncio.create_task(run(loop, None))
            await eventually(lambda: loop.latest is not None)
            server.stop(drain_seconds=0)
            await eventually(lambda: loop.status.status == "unhealthy")
            assert loop._metrics.registry.get_sample_value("inference_redis_up") == 0
            last = loop.latest.tick
            server = RedisServer(locate(short_dir), find_program(), memory="64mb")
            server.start()
            back_ms = time.time() * 1e3
            write_features(client)
            await eventually(lambda: loop.latest is not None and loop.latest.tick > last)
            # Within one tick of its return, and what the connecting itself takes.
            assert loop.latest.made_ms - back_ms < TICK_SECONDS * 1e3 + 1_000
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        server.stop(drain_seconds=0)


async def test_redis_that_hangs_does_not_block_the_loop(short_dir):
    server = RedisServer(locate(short_dir), find_program(), memory="64mb")
    server.start()
    url = locate(short_dir).url
    try:
        with redis.Redis.from_url(url, decode_responses=True) as client:
            write_features(client)
            pid = int(client.info("server")["process_id"])
            loop = make_loop(url)
            running = asyncio.create_task(run(loop, None))
            await eventually(lambda: loop.latest is not None)
            os.kill(pid, signal.SIGSTOP)
            try:
                await eventually(lambda: loop.status.status == "unhealthy")
            finally:
                os.kill(pid, signal.SIGCONT)
            last = loop.latest.tick
            write_features(client)
            await eventually(lambda: loop.latest is not None and loop.latest.tick > last)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        server.stop(drain_seconds=0)


async def test_memory_over_its_limit_shrinks_caches_alerts_and_goes_on(redis_url, clean_redis):
    write_features(clean_redis)
    patient = config(max_feature_age_seconds=60.0)
    loop = make_loop(redis_url, config=with_performance(patient, memory_limit_mb=64))
    before = loop.ticker.forecaster.mids.size
    await run(loop, 16)
    assert loop.status.memory_pressure
    assert loop.status.status == "degraded"
    assert loop.ticker.forecaster.mids.size == before // 2
    assert loop._metrics.registry.get_sample_value("inference_memory_pressure_total") == 1
    assert said(clean_redis)[0] == "redis"
