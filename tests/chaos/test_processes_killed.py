"""Processes killed, paused and starved: what was said is stored once, and the rest goes on."""

import signal
import sqlite3
import time
from collections import Counter
from typing import Any

import redis

from inference.handover.lease import TTL_MS
from inference.vocabulary import FORECASTS
from market import keys
from tests.processes import Instance, running_instance
from tests.waiting import PATIENCE_SECONDS, eventually_sync

# Ten ticks a second: minutes of failures in seconds.
FAST = {"MARKET_SOURCE": "simulated", "MARKET_SPEED": "1"}


def fast(instance: Instance) -> None:
    instance.configure(frequency_seconds=0.2, socket_timeout_seconds=0.5)


def stored(instance: Instance) -> list[int]:
    with sqlite3.connect(instance.directory / "cryptosite.sqlite3") as connection:
        return [row[0] for row in connection.execute("SELECT tick FROM predictions_forecast")]


def test_killed_leader_is_replaced_and_no_tick_is_made_twice(short_dir, instance_env):
    with running_instance(short_dir, instance_env, **FAST) as instance:
        fast(instance)
        instance.start("run_market_feed")
        leader = instance.start("run_inference_loop")
        eventually_sync(lambda: len(instance.entries()) > 5)
        instance.start("run_inference_loop")
        eventually_sync(lambda: standing_by(instance))
        leader.kill()
        free_ms = time.time() * 1e3 + lease_left_ms(instance)
        tokens = {entry.token for entry in instance.entries()}
        eventually_sync(lambda: instance.entries()[-1].token not in tokens)
        # The lease lasts 3 s, is asked for every 0.5 s, and there is a tick every 0.2 s.
        arrived = zip(logged_ms(instance), instance.entries(), strict=False)
        assert next(ms for ms, entry in arrived if entry.token not in tokens) - free_ms < 1_500
        ticks = [entry.tick for entry in instance.entries()]
        assert ticks == sorted(set(ticks))


def lease_left_ms(instance: Instance) -> int:
    with instance.client() as client:
        left: Any = client.pttl(keys.lease(FORECASTS, 0))
    assert 0 < left <= TTL_MS
    return int(left)


def logged_ms(instance: Instance) -> list[int]:
    with instance.client() as client:
        log = client.xrange(keys.log("forecasts"))
    return [int(stream_id.split(b"-")[0]) for stream_id, _ in log]


def standing_by(instance: Instance) -> bool:
    with instance.client() as client:
        return bool(client.keys(keys.health("inference-standby-*")))


def test_paused_leader_wakes_up_and_writes_nothing(short_dir, instance_env):
    with running_instance(short_dir, instance_env, **FAST) as instance:
        fast(instance)
        instance.start("run_market_feed")
        leader = instance.start("run_inference_loop")
        eventually_sync(lambda: len(instance.entries()) > 5)
        other = instance.start("run_inference_loop")
        eventually_sync(lambda: standing_by(instance))
        leader.send_signal(signal.SIGSTOP)
        first = instance.entries()[-1].token
        eventually_sync(lambda: instance.entries()[-1].token != first)
        leader.send_signal(signal.SIGCONT)
        count = len(instance.entries())
        eventually_sync(lambda: len(instance.entries()) > count + 10)
        entries = instance.entries()
        tokens = [entry.token for entry in entries]
        assert tokens == sorted(tokens)
        assert len(set(tokens)) == 2
        assert leader.poll() is None and other.poll() is None


def test_recorder_killed_again_and_again_stores_every_entry_once(short_dir, instance_env):
    with running_instance(short_dir, instance_env, **FAST) as instance:
        fast(instance)
        instance.start("run_market_feed")
        instance.start("run_inference_loop")
        eventually_sync(lambda: instance.entries())
        for _ in range(3):
            recorder = instance.start("run_recorder")
            before = len(stored(instance))
            eventually_sync(lambda before=before: len(stored(instance)) > before)
            recorder.kill()
            recorder.wait(PATIENCE_SECONDS)
        instance.start("run_recorder")
        last = instance.entries()[-1].tick
        eventually_sync(lambda: last in stored(instance))
        counts = Counter(stored(instance))
        assert set(counts.values()) == {1}
        made = {entry.tick for entry in instance.entries() if entry.tick <= last}
        assert made <= set(counts)


def test_redis_killed_and_started_again_resumes_forecasts(short_dir, instance_env):
    with running_instance(short_dir, instance_env, **FAST) as instance:
        fast(instance)
        feed = instance.start("run_market_feed")
        loop = instance.start("run_inference_loop")
        recorder = instance.start("run_recorder")
        eventually_sync(lambda: len(instance.entries()) > 8)
        instance.kill_redis()
        time.sleep(1.0)  # a while without Redis is what is tested
        instance.start_redis()
        back = instance.entries()
        known = back[-1].tick if back else 0
        eventually_sync(lambda: instance.entries()[-1].tick > known + 5)
        entries = instance.entries()
        assert [entry.tick for entry in entries] == sorted({entry.tick for entry in entries})
        assert all(process.poll() is None for process in (feed, loop, recorder))
        latest = entries[-1].tick
        eventually_sync(lambda: latest in stored(instance))


def test_garbage_in_hot_state_is_named_and_the_loop_goes_on(short_dir, instance_env):
    with running_instance(short_dir, instance_env, **FAST) as instance:
        fast(instance)
        feed = instance.start("run_market_feed")
        loop = instance.start("run_inference_loop")
        eventually_sync(lambda: len(instance.entries()) > 5)
        feed.kill()
        feed.wait(PATIENCE_SECONDS)
        with instance.client(decode_responses=True) as client:
            for fields, reason in (
                ({"ret_1s": "\x00\xff"}, "invalid_features"),
                ({"ret_1s": "0.1", "ob_imbalance": "9"}, "invalid_features"),
                ({"ob_imbalance": "0.1", "spread_bp": "-4"}, "crossed_book"),
                ({"spread_bp": "1", "mid_price": ""}, "incomplete_features"),
            ):

                def refused(fields=fields, reason=reason):
                    client.hset(keys.feat("BTCUSDT"), mapping=with_time(fields))
                    return said(client) == reason

                eventually_sync(refused)
            client.delete(keys.feat("BTCUSDT"))
            eventually_sync(lambda: said(client) == "features_missing")
        assert loop.poll() is None
        instance.start("run_market_feed")
        eventually_sync(lambda: instance.entries()[-1].sources == ["redis"])


def with_time(fields: dict[str, str]) -> dict[str, str]:
    return fields | {"feature_ts": repr(time.time())}


def said(client: redis.Redis) -> str | None:
    reason = client.hget(keys.pred("BTCUSDT"), "reason")
    return None if reason is None else str(reason)
