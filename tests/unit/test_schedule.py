"""The grid of ticks on a clock that tests move: punctual, late, missed, never bunched."""

import asyncio
from typing import Any

import pytest

from inference.forecasts import schedule
from inference.forecasts.schedule import NAP_SECONDS, SPIN_SECONDS, Due, Schedule
from market.clock import LIVE_TIME, MarketTime

PERIOD_MS = 2_000
GRID_MS = 1_767_225_600_000  # a multiple of the period


class FakeTime:
    """The clock, and the sleeps that move it. late_ms: how much the next sleep oversleeps."""

    def __init__(self, now_ms: float) -> None:
        self.ms = now_ms
        self.late_ms = 0.0
        self.sleeps: list[float] = []

    def now_ms(self) -> float:
        return self.ms

    def rest(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.ms += seconds * 1e3 + self.late_ms
        self.late_ms = 0.0


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime(GRID_MS + 300.0)

    class FakeAsyncio:
        @staticmethod
        async def sleep(seconds: float) -> None:
            clock.rest(seconds)

    class FakeSleep:
        @staticmethod
        def sleep(seconds: float) -> None:
            clock.rest(seconds)

    monkeypatch.setattr(schedule, "asyncio", FakeAsyncio)
    monkeypatch.setattr(schedule, "time", FakeSleep)
    return clock


def new_schedule(fake: FakeTime, market: MarketTime | None = None) -> Schedule:
    clock: Any = fake
    made = Schedule(PERIOD_MS, clock)
    if market is not None:
        made.follow(market)
    return made


def next_due(of: Schedule) -> Due:
    async def wait() -> Due:
        for _ in range(100):
            due = await of.wait()
            if due is not None:
                return due
        raise AssertionError("no tick in 100 waits")

    return asyncio.run(wait())


def test_first_tick_is_the_next_on_the_utc_grid(fake: FakeTime) -> None:
    due = next_due(new_schedule(fake))
    assert due.tick_ms == GRID_MS + PERIOD_MS
    assert due.tick == due.tick_ms // PERIOD_MS
    assert due.missed == 0
    assert due.lateness_ms == pytest.approx(0, abs=0.01)
    assert fake.ms == pytest.approx(due.tick_ms)


def test_ticks_stand_on_the_grid_however_long_each_takes(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    times = []
    for work_ms in (3.0, 900.0, 1_900.0, 0.0):
        times.append(next_due(ticking).tick_ms)
        fake.ms += work_ms
    assert times == [GRID_MS + PERIOD_MS * n for n in (1, 2, 3, 4)]


def test_wait_naps_so_that_a_stop_is_seen_and_sleeps_the_rest_exactly(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    assert asyncio.run(ticking.wait()) is None
    next_due(ticking)
    assert max(fake.sleeps) <= NAP_SECONDS
    assert fake.sleeps[-1] == pytest.approx(SPIN_SECONDS, abs=1e-4)


def test_late_tick_is_run_at_once_and_says_how_late(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    first = next_due(ticking)
    fake.ms = first.tick_ms + PERIOD_MS + 400.0  # the work took 2.4 s
    fake.sleeps.clear()
    due = next_due(ticking)
    assert due.tick == first.tick + 1
    assert due.lateness_ms == pytest.approx(400.0)
    assert due.missed == 0
    assert fake.sleeps == []


def test_tick_later_than_half_a_period_is_skipped_and_counted(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    first = next_due(ticking)
    fake.ms = first.tick_ms + PERIOD_MS + PERIOD_MS / 2 + 1
    due = next_due(ticking)
    assert due.tick == first.tick + 2
    assert due.missed == 1
    assert due.lateness_ms == pytest.approx(0, abs=0.01)


def test_ticks_after_a_long_pause_are_counted_and_never_bunched(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    first = next_due(ticking)
    fake.ms += 60_700.0
    started_ms = fake.ms
    after = [next_due(ticking) for _ in range(3)]
    assert after[0].missed == 29
    assert [due.tick for due in after] == [first.tick + n for n in (30, 31, 32)]
    assert [due.missed for due in after[1:]] == [0, 0]
    assert fake.ms >= started_ms + 2 * PERIOD_MS - 700


def test_tick_that_was_overslept_by_half_a_period_is_skipped(fake: FakeTime) -> None:
    ticking = new_schedule(fake)
    first = next_due(ticking)
    fake.late_ms = PERIOD_MS * 3 / 4 + NAP_SECONDS * 1e3 + PERIOD_MS
    due = next_due(ticking)
    assert due.tick > first.tick + 1
    assert due.missed == due.tick - first.tick - 1
    assert due.lateness_ms <= PERIOD_MS / 2


def replay(venue: str = "replay/1", speed: float = 10.0, market_ms: float = 0.0) -> MarketTime:
    return MarketTime(venue, False, market_ms, GRID_MS + 300.0, speed)


def test_ticks_of_a_faster_market_come_at_its_pace(fake: FakeTime) -> None:
    ticking = new_schedule(fake, replay(market_ms=500_100.0))
    walls = []
    for expected_ms in (502_000, 504_000, 506_000):
        assert next_due(ticking).tick_ms == expected_ms
        walls.append(fake.ms)
    assert walls == [pytest.approx(GRID_MS + 300.0 + wall) for wall in (190.0, 390.0, 590.0)]
    assert ticking.now_ms() == pytest.approx(506_000)


def test_lateness_in_a_faster_market_is_wall_time_and_skips_by_market_time(fake: FakeTime) -> None:
    ticking = new_schedule(fake, replay())
    first = next_due(ticking)
    fake.ms += 200.0 + 60.0  # one period at speed 10, and 600 ms of market time
    due = next_due(ticking)
    assert (due.tick, due.missed) == (first.tick + 1, 0)
    assert due.lateness_ms == pytest.approx(60.0)
    fake.ms += 200.0 + 60.0  # 120 ms late now, which is 1.2 s of market time
    due = next_due(ticking)
    assert (due.tick, due.missed) == (first.tick + 3, 1)


def test_change_of_market_starts_the_count_anew(fake: FakeTime) -> None:
    ticking = new_schedule(fake, replay(market_ms=10_000_000.0))
    next_due(ticking)
    ticking.follow(replay("replay/2", market_ms=100.0))
    due = next_due(ticking)
    assert due.missed == 0
    assert 0 < due.tick_ms < 20_000


def test_same_market_told_again_keeps_the_count(fake: FakeTime) -> None:
    ticking = new_schedule(fake, LIVE_TIME)
    first = next_due(ticking)
    ticking.follow(LIVE_TIME)
    fake.ms += 3 * PERIOD_MS
    due = next_due(ticking)
    assert (due.tick, due.missed) == (first.tick + 3, 2)


def test_named_ticks_of_a_lock_step_market_are_on_time_and_gaps_counted(fake: FakeTime) -> None:
    ticking = new_schedule(fake, replay(speed=0.0))
    dues = [ticking.named(tick_ms) for tick_ms in (4_000, 6_000, 12_000)]
    assert [due.tick for due in dues] == [2, 3, 6]
    assert [due.missed for due in dues] == [0, 0, 2]
    assert all(due.lateness_ms == 0 for due in dues)
    assert fake.sleeps == []
