"""Versions come and go while `run_shadow` runs; markets change; two processes share the work."""

import json
from typing import Any

from inference.shadows.loop import RELOAD_SECONDS
from inference.shadows.status import State
from inference.vocabulary import FORECASTS, Reason, Source
from market import keys
from tests.integration.shadow_stage import (
    SLOT,
    SYMBOLS,
    entries,
    leading,
    put_on_trial,
    said,
    shadowing,
)
from tests.waiting import eventually

TRIAL, OTHER = "v2-trial", "v3-trial"


async def test_two_processes_say_each_tick_once_and_the_other_takes_over(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL, OTHER)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as first:
        await first.speaking(TRIAL, OTHER)
        async with shadowing(redis_url, tmp_path) as second:
            await eventually(lambda: second.status(TRIAL).get("state") == "speaking")
            for count in (1, 2, 3):
                await leader.tick()
                await said(binary, TRIAL, count)
                await said(binary, OTHER, count)
            assert not second.process.status.leading
            await eventually(lambda: standby(clean_redis))
            await first.stop()
            await second.speaking(TRIAL, OTHER)
            for count in (4, 5):
                await leader.tick()
                await said(binary, TRIAL, count)
                await said(binary, OTHER, count)
            await eventually(lambda: second.status(TRIAL)["said"] == 2)
    by_version = entries(binary)
    for version in (TRIAL, OTHER):
        ticks = [entry.tick for entry in by_version[version]]
        assert ticks == [entry.tick for entry in by_version["lead-1"]]


def standby(client: Any) -> list[str]:
    names: list[str] = client.keys(keys.health("shadow-standby-*"))
    return names


async def test_refused_version_is_tried_again_and_its_trouble_told_until_it_speaks(
    redis_url, clean_redis, tmp_path, monkeypatch
):
    monkeypatch.setitem(RELOAD_SECONDS, State.REFUSED, 0.0)
    store = put_on_trial(tmp_path, TRIAL, damaged=(TRIAL,))
    async with shadowing(redis_url, tmp_path) as shadow:
        await eventually(lambda: shadow.status(TRIAL).get("code"))
        first = shadow.process.status.voices["forecasts", TRIAL]
        await eventually(lambda: shadow.process.status.voices["forecasts", TRIAL] is not first)
        assert shadow.status(TRIAL)["code"]
        store.set_shadows(SLOT, [])
        store.remove(SLOT, TRIAL)
        put_on_trial(tmp_path, TRIAL)
        await shadow.speaking(TRIAL)
        assert shadow.status(TRIAL)["code"] == ""


async def test_versions_come_and_go_and_a_damaged_one_harms_none(
    redis_url, clean_redis, binary, tmp_path
):
    store = put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        await leader.tick()
        await said(binary, TRIAL, 1)
        put_on_trial(tmp_path, TRIAL, OTHER, "v4-damaged", damaged=("v4-damaged",))
        await shadow.speaking(OTHER)
        await eventually(lambda: shadow.status("v4-damaged").get("state") == "refused")
        await leader.tick()
        await said(binary, TRIAL, 2)
        await said(binary, OTHER, 1)
        store.set_shadows(SLOT, [OTHER])
        await eventually(lambda: not shadow.status(TRIAL))
        await leader.tick()
        await said(binary, OTHER, 2)
        await eventually(lambda: beat(clean_redis)["versions"][-1]["said"] == 2)
        told = beat(clean_redis)
    assert [each["version"] for each in told["versions"]] == [OTHER]
    assert {version: len(found) for version, found in entries(binary).items()} == {
        "lead-1": 3,
        TRIAL: 2,
        OTHER: 2,
    }


def beat(client: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(client.hget(keys.health("shadow"), "detail"))
    return told


async def test_version_that_was_promoted_falls_silent_until_it_is_on_trial_again(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        await leader.tick()
        await said(binary, TRIAL, 1)
        speaker = leader.loop.ticker.forecaster.speaker
        leader.speak_as(TRIAL)
        for _ in range(2):
            await leader.tick()
        await eventually(lambda: shadow.status(TRIAL)["skipped"] == {"own": 2})
        leader.speak_as(speaker.version)
        await leader.tick()
        await said(binary, TRIAL, 4)
    named = [(entry.tick, entry.role) for entry in entries(binary)[TRIAL]]
    first = named[0][0]
    assert named == [
        (first, "shadow"),
        (first + 1, "champion"),
        (first + 2, "champion"),
        (first + 3, "shadow"),
    ]


async def test_shadow_starts_anew_in_another_market_and_goes_on_in_the_old_one(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        for count in range(1, 9):
            await leader.tick()
            await said(binary, TRIAL, count)
        leader.venue = "replay/2"
        for count in (9, 10):
            await leader.tick()
            await said(binary, TRIAL, count)
    before, after = entries(binary)[TRIAL][7:9]
    assert (before.venue, after.venue) == ("replay/1", "replay/2")
    assert before.column("interval_low").any()
    assert not after.column("interval_low").any()
    assert after.prev == bytes(32)


async def test_what_cannot_be_answered_honestly_is_skipped_and_counted(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        await leader.tick()
        (own,) = await said(binary, TRIAL, 1)
        (entry,) = entries(binary)["lead-1"]
        # The market is 10 s further than the decision: its outcome is known.
        entry.tick_ms -= 10_000
        entry.tick -= 5
        clean_redis.xadd(keys.log(FORECASTS), {"entry": entry.pack()})
        await eventually(lambda: shadow.status(TRIAL)["skipped"] == {"late": 1})
        # A lock-step market does not wait for it: that is no trouble of anybody's.
        assert shadow.status(TRIAL)["overdue_share"] == 0
        entry.venue = "replay/7"
        clean_redis.xadd(keys.log(FORECASTS), {"entry": entry.pack()})
        await eventually(lambda: shadow.status(TRIAL)["skipped"].get("other_market") == 1)
        entry.venue, entry.tick, entry.tick_ms = own.venue, own.tick + 1, own.tick_ms + 2_000
        entry.sources = [Source.EMERGENCY.value] * len(SYMBOLS)
        entry.reasons = [Reason.MODEL_ERROR.value] * len(SYMBOLS)
        clean_redis.xadd(keys.log(FORECASTS), {"entry": entry.pack()})
        await eventually(lambda: shadow.status(TRIAL)["skipped"].get("unknown_features") == 1)
        clean_redis.xadd(keys.log(FORECASTS), {"entry": b"no entry"})
        clean_redis.xadd(keys.log(FORECASTS), {"other": b"thing"})
        await leader.tick()
        after = (await said(binary, TRIAL, 2))[-1]
    assert after.missed == 3
    assert shadow.process.status.voices == {}


async def test_shadow_begins_a_new_chain_where_its_head_was_replaced(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        await leader.tick()
        (first,) = await said(binary, TRIAL, 1)
        head = keys.head(FORECASTS, first.venue, first.shard)
        clean_redis.delete(head)
        clean_redis.set(head, "foreign")
        await leader.tick()
        await eventually(lambda: shadow.status(TRIAL)["skipped"].get("redis_away"))
        await leader.tick()
        again = (await said(binary, TRIAL, 2))[-1]
    assert again.prev == bytes(32)
