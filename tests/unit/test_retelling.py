"""What a tick read, out of its entry; and one speaker's entries out of a log of several."""

import math

import numpy as np
import pytest

from inference.forecasts.entry import TickEntry
from inference.forecasts.recent import PAGE, recent_entries
from inference.forecasts.retelling import reading_of
from inference.vocabulary import Reason
from market.hot.vector import FEATURE_COUNT, INDEX
from tests.integration.ledger import tick_entry


@pytest.mark.parametrize(
    ("said", "whole", "usable", "reason"),
    [
        (Reason.NONE, True, True, Reason.NONE),
        (Reason.BELOW_THRESHOLD, True, True, Reason.NONE),
        (Reason.TOO_SLOW, True, True, Reason.NONE),
        (Reason.MODEL_ERROR, True, True, Reason.NONE),
        (Reason.MODEL_MISSING, True, True, Reason.NONE),
        (Reason.MODEL_MISSING, False, False, Reason.INCOMPLETE_FEATURES),
        (Reason.STALE_FEATURES, True, False, Reason.STALE_FEATURES),
        (Reason.SYMBOL_HALTED, True, False, Reason.SYMBOL_HALTED),
    ],
)
def test_reading_is_usable_where_the_leaders_features_were(
    said: Reason, whole: bool, usable: bool, reason: Reason
) -> None:
    features = np.ones((1, FEATURE_COUNT))
    if not whole:
        features[0, INDEX["mid_price"]] = math.nan
    reading = reading_of(tick_entry(reasons=[said.value], features=features))
    assert (reading.usable[0], reading.reasons[0]) == (usable, reason)


class Log:
    """A stream of packed entries, read backwards as Redis does."""

    def __init__(self, entries: list[TickEntry | None]) -> None:
        self.rows = [
            (index, b"damaged" if entry is None else entry.pack())
            for index, entry in enumerate(entries)
        ]
        self.reads = 0

    async def page(self, newest: str, count: int) -> list[tuple[bytes, bytes | None]]:
        self.reads += 1
        last = len(self.rows) if newest == "+" else int(newest.strip("("))
        inclusive = not newest.startswith(("(", "+"))
        rows = [row for row in self.rows if row[0] < last or (inclusive and row[0] == last)]
        return [(str(index).encode(), packed) for index, packed in rows[::-1][:count]]


def shared_log(ticks: int, shadows: int) -> Log:
    return Log(
        [tick_entry(tick, shard=shard) for tick in range(ticks) for shard in range(shadows + 1)]
    )


@pytest.mark.parametrize("shadows", [0, 1, 20])
async def test_recent_entries_are_of_one_speaker_however_many_speak(shadows: int) -> None:
    log = shared_log(12, shadows)
    found = await recent_entries(log.page, "", venue="test", shard=0, count=6)
    first = tick_entry(0).tick
    assert [entry.tick - first for entry in found] == list(range(6, 12))
    assert {entry.shard for entry in found} == {0}


async def test_recent_entries_are_all_there_though_others_speak_late() -> None:
    entries: list[TickEntry | None] = []
    for tick in range(24):
        entries += [tick_entry(tick), tick_entry(max(0, tick - 5), shard=2)]
    found = await recent_entries(Log(entries).page, "", venue="test", shard=0, count=6)
    assert [entry.tick - found[0].tick for entry in found] == list(range(6))


async def test_recent_entries_end_where_others_tell_of_long_ago() -> None:
    others = [tick_entry(tick, shard=2) for tick in range(100)]
    log = Log([tick_entry(0), *others, tick_entry(100)])
    (only,) = await recent_entries(log.page, "", venue="test", shard=0, count=6)
    assert only.tick == tick_entry(100).tick
    assert log.reads <= 2 + 2 * 6 // PAGE  # the last page lies in the past altogether


async def test_recent_entries_are_all_there_though_one_speaks_of_long_ago() -> None:
    entries: list[TickEntry | None] = [tick_entry(tick) for tick in range(24)]
    entries.insert(23, tick_entry(0, shard=2))
    found = await recent_entries(Log(entries).page, "", venue="test", shard=0, count=6)
    assert [entry.tick - found[0].tick for entry in found] == list(range(6))


async def test_recent_entries_begin_where_the_chain_ends() -> None:
    log = shared_log(100, 4)
    found = await recent_entries(log.page, "22", venue="test", shard=2, count=3)
    first = tick_entry(0).tick
    assert [entry.tick - first for entry in found] == [2, 3, 4]
    assert log.reads <= 1 + 3 * 5 // PAGE


async def test_recent_entries_pass_by_others_venues_and_damaged_ones() -> None:
    log = Log([tick_entry(0), None, tick_entry(1, venue="other"), tick_entry(2, shard=5)])
    (only,) = await recent_entries(log.page, "", venue="test", shard=0, count=6)
    assert only.tick == tick_entry(0).tick
    assert await recent_entries(log.page, "", venue="nowhere", shard=0, count=6) == []
