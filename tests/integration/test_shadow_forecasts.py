"""`run_shadow` over real Redis: versions on trial speak beside the leader, each once, unseen."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from inference.forecasts.entry import TickEntry
from inference.handover.chain import entry_hash
from inference.shadows.shards import shard_of
from inference.vocabulary import Role
from market import keys
from market.candles.store import CandleStore
from predictions.models import Forecast, ForecastOutcome
from predictions.verifying.findings import Finding, Kind
from predictions.verifying.verification import Candles, Verification
from tests.integration.ledger import FakeLayer, drain, new_recorder
from tests.integration.shadow_stage import (
    SLOT,
    SYMBOLS,
    entries,
    leading,
    put_on_trial,
    said,
    shadowing,
)

TRIAL = "v2-trial"


def numbers(entry: TickEntry) -> bytes:
    return entry.numbers.tobytes() + entry.features.tobytes()


async def test_shadow_of_the_champions_network_says_bit_for_bit_the_same(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        for index in range(16):
            await leader.tick(
                stale="ETHUSDT" if index == 9 else "", missing="ETHUSDT" if index == 11 else ""
            )
            await said(binary, TRIAL, index + 1)
    by_version = entries(binary)
    for theirs, ours in zip(by_version["lead-1"], by_version[TRIAL], strict=True):
        assert numbers(ours) == numbers(theirs)
        assert (ours.tick, ours.sources, ours.reasons) == (
            theirs.tick, theirs.sources, theirs.reasons,
        )  # fmt: skip
        assert ours.digest == theirs.digest
    assert np.any(by_version[TRIAL][-1].column("interval_low") != 0)
    assert by_version[TRIAL][9].sources[1] == "fallback-stale"
    assert by_version[TRIAL][11].reasons == ["", "features_missing"]


async def test_shadow_speaks_in_a_chain_of_its_own_and_publishes_nothing(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        with binary.pubsub() as heard:
            heard.psubscribe("*")
            for count in (1, 2, 3):
                await leader.tick()
                chain = await said(binary, TRIAL, count)
            messages = [heard.get_message(timeout=0.05) for _ in range(10)]
    assert [entry.role for entry in chain] == [Role.SHADOW] * 3
    assert {entry.shard for entry in chain} == {shard_of(SLOT, TRIAL)}
    assert {entry.shard for entry in entries(binary)["lead-1"]} == {0}
    for before, after in pairwise(chain):
        assert after.prev == entry_hash(before.pack())
    published = [each for each in messages if each and each["type"] == "pmessage"]
    assert len(published) == 3
    for symbol in SYMBOLS:
        assert clean_redis.hget(keys.pred(symbol), "model_version") == "lead-1"


async def test_restarted_shadow_takes_up_its_interval_and_chain(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    async with leading(redis_url, clean_redis) as leader:
        async with shadowing(redis_url, tmp_path) as shadow:
            await shadow.speaking(TRIAL)
            for count in range(1, 11):
                await leader.tick()
                await said(binary, TRIAL, count)
        async with shadowing(redis_url, tmp_path) as shadow:
            await shadow.speaking(TRIAL)
            for count in range(11, 19):
                await leader.tick()
                await said(binary, TRIAL, count)
    by_version = entries(binary)
    for theirs, ours in zip(by_version["lead-1"], by_version[TRIAL], strict=True):
        assert numbers(ours) == numbers(theirs)
    for before, after in pairwise(by_version[TRIAL]):
        assert after.prev == entry_hash(before.pack())


async def test_leader_takes_up_its_own_interval_among_shadows(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL, "v3-trial", "v4-trial")
    async with shadowing(redis_url, tmp_path) as shadow:
        async with leading(redis_url, clean_redis) as leader:
            await shadow.speaking(TRIAL, "v3-trial", "v4-trial")
            for count in range(1, 13):
                await leader.tick()
                await said(binary, TRIAL, count)
            kept = leader.loop.ticker.forecaster
        async with leading(redis_url, clean_redis) as another:
            restored = another.loop.ticker.forecaster
    assert np.any(kept.intervals.low != 0)
    assert restored.intervals.low.tolist() == kept.intervals.low.tolist()
    assert restored.intervals.high.tolist() == kept.intervals.high.tolist()


def test_shards_differ_by_slot_and_version_and_stay() -> None:
    assert shard_of(SLOT, "a") == shard_of(SLOT, "a")
    assert shard_of(SLOT, "a") != shard_of(SLOT, "b")
    assert 2 <= shard_of(SLOT, "a") < 2**31


@pytest.mark.django_db(transaction=True)
async def test_shadows_are_stored_and_graded_under_their_version(
    redis_url, clean_redis, binary, tmp_path
):
    put_on_trial(tmp_path, TRIAL)
    layer = FakeLayer()
    async with leading(redis_url, clean_redis) as leader, shadowing(redis_url, tmp_path) as shadow:
        await shadow.speaking(TRIAL)
        for count in range(1, 9):
            await leader.tick()
            await said(binary, TRIAL, count)
    recorder = new_recorder(binary, layer=layer)
    await asyncio.to_thread(drain, recorder)
    rows = [row async for row in Forecast.objects.filter(role=Role.SHADOW).order_by("tick", "id")]
    assert len(rows) == 8 * len(SYMBOLS)
    assert {row.model_version for row in rows} == {TRIAL}
    assert not any(row.late for row in rows)
    graded = [
        row
        async for row in ForecastOutcome.objects.filter(
            forecast__role=Role.SHADOW, status="graded"
        ).values_list("forecast__tick", "forecast__symbol", "error_bp", "covered")
    ]
    champions = [
        row
        async for row in ForecastOutcome.objects.filter(
            forecast__role=Role.CHAMPION, status="graded"
        ).values_list("forecast__tick", "forecast__symbol", "error_bp", "covered")
    ]
    # Three of eight ticks have seen their target 10 s later, for two symbols.
    assert len(graded) == 3 * len(SYMBOLS)
    assert sorted(graded) == sorted(champions)
    # Pages get the outcomes of what they were shown.
    shown = {frame["forecast_id"] for _, message in layer.sent for frame in message["frames"]}
    assert shown == {
        key
        async for key in ForecastOutcome.objects.filter(forecast__role=Role.CHAMPION).values_list(
            "forecast_id", flat=True
        )
    }
    assert recorder.tally.outcomes == len(graded) + len(champions)
    findings: list[Finding] = []
    check = Verification(Candles(CandleStore(tmp_path / "candles"), "binance"), findings.append)
    await asyncio.to_thread(check.run)
    assert [finding for finding in findings if finding.kind is not Kind.UNCHECKED] == []
    assert check.findings.checked["links"] == 16
