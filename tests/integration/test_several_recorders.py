"""Several recorders of one log: what one holds unstored is not missing to another."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import pytest
import redis

from inference.vocabulary import FORECASTS
from market import keys
from market.clock import MarketTime
from market.hot.vector import TICK_MS
from predictions.grading.unstored import EntryId
from predictions.models import ForecastOutcome
from predictions.recording import log_reader
from predictions.recording.forecast_recorder import Recorder
from predictions.recording.log_reader import LogReader
from tests.integration.ledger import (
    FIRST_TICK_MS,
    drain,
    new_recorder,
    pending,
    publish,
    tick_entry,
)

pytestmark = pytest.mark.django_db

Seen = tuple[str, str, float | None]
"""Of an outcome: reason, where the price was found, the price."""

NO_PRICE = ("no_price_at_target", "", None)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


@dataclass(slots=True)
class LateLook(LogReader):
    """Is overtaken once, just before it looks."""

    before: Callable[[], None] | None = None

    def oldest_unstored(self, besides: Collection[str]) -> EntryId | None:
        if self.before is not None:
            self.before()
            self.before = None
        return LogReader.oldest_unstored(self, besides)


class AskedReader(LogReader):
    """Counts how often Redis is asked what is not stored."""

    asked = 0

    def oldest_unstored(self, besides: Collection[str]) -> EntryId | None:
        type(self).asked += 1
        return LogReader.oldest_unstored(self, besides)


def say(client: redis.Redis, *indices: int) -> None:
    publish(client, *(tick_entry(index, {"BTCUSDT": 100.0 + index}) for index in indices))


def outcomes() -> dict[int, Seen]:
    """Return what is graded, by the index of the tick that said it."""
    rows = ForecastOutcome.objects.values_list(
        "forecast__prediction_ts", "reason", "price_from", "target_mid"
    )
    return {(said - FIRST_TICK_MS) // TICK_MS: (why, at, mid) for said, why, at, mid in rows}


def two_recorders(client: redis.Redis, *held: int) -> tuple[Recorder, Recorder]:
    """Return two where the first has stored ticks 0 and 1, and the other took what it holds."""
    one = new_recorder(client, "one")
    other = new_recorder(client, "other")
    other.step()
    say(client, 0, 1)
    drain(one)
    say(client, *held)
    hold(other, len(held))
    return one, other


def hold(recorder: Recorder, count: int) -> None:
    assert len(recorder.reader.take(count)) == count
    recorder.reader.rewind()


def test_step_price_that_another_recorder_holds_is_waited_for(client: redis.Redis) -> None:
    one, other = two_recorders(client, 5, 6)
    say(client, 7, 8)

    drain(one)
    before = outcomes()
    drain(other)
    drain(one)

    assert before == {}
    assert outcomes() == {0: ("", "tick", 105.0), 1: ("", "tick", 106.0)}
    assert one.grader.waiting == []


def test_step_price_that_a_dead_recorder_held_is_taken_over(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "CLAIM_EVERY_SECONDS", 0.0)
    one, _ = two_recorders(client, 5, 6)
    say(client, 7, 8)
    drain(one)
    before = outcomes()

    one.reader.claim_idle_ms = 0
    drain(one)

    assert before == {}
    assert outcomes() == {0: ("", "tick", 105.0), 1: ("", "tick", 106.0)}
    assert pending(client) == 0


def test_step_price_that_nobody_holds_waits_for_no_entry_taken_since(client: redis.Redis) -> None:
    one, other = two_recorders(client, 2)
    say(client, 7, 8)
    drain(one)
    before = outcomes()

    other.step(limit=1)
    say(client, 9)
    hold(other, 1)
    say(client, 10)
    drain(one)

    assert before == {}
    assert outcomes() == {0: NO_PRICE, 1: NO_PRICE, 2: ("", "tick", 107.0)}
    assert pending(client) == 1


def test_step_price_that_is_stored_while_it_is_searched_is_found(client: redis.Redis) -> None:
    one, other = two_recorders(client, 5, 6)
    say(client, 7)
    one.grader.unstored = late = LateLook(client, FORECASTS, "one", before=lambda: drain(other))

    drain(one)

    assert late.before is None
    assert outcomes() == {0: ("", "tick", 105.0), 1: ("", "tick", 106.0)}


def test_step_entry_that_cannot_be_stored_holds_nothing_up(client: redis.Redis) -> None:
    recorder = new_recorder(client)
    publish(client, tick_entry(0), b"garbage", tick_entry(7))

    drain(recorder)

    assert outcomes() == {0: NO_PRICE}


def test_step_quiet_venue_is_settled_once_the_other_has_stored(client: redis.Redis) -> None:
    one, other = two_recorders(client, 5)
    one.quiet_seconds = 0.0
    another = MarketTime("another", live=False, market_ms=0.0, wall_ms=0.0, speed=0.0)
    client.hset(keys.clock(), mapping=another.to_hash())

    drain(one)
    before, known = outcomes(), set(one.grader.progress)
    drain(other)
    drain(one)

    assert (before, known) == ({}, {"test"})
    assert outcomes() == {0: ("", "tick", 105.0), 1: NO_PRICE}
    assert one.grader.progress == {}


def test_step_asks_what_is_unstored_only_before_a_price_is_given_up(client: redis.Redis) -> None:
    AskedReader.asked = 0
    target_ms = tick_entry(4).target_ms
    client.xadd(keys.px("BTCUSDT"), {"mid": "100.03"}, id=f"{target_ms - 100}-0")
    recorder = new_recorder(client, reader=AskedReader)
    say(client, *range(9), 10, 11)  # the price of 9, for 4, is in the history alone

    drain(recorder)
    found = AskedReader.asked
    say(client, 20)
    drain(recorder)

    assert (found, AskedReader.asked) == (0, 1)
    assert outcomes()[4] == ("", "px", 100.03)
    assert outcomes()[7] == NO_PRICE
