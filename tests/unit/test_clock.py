"""Time that does not jump, and the mapping between a market's time and ours."""

from dataclasses import dataclass

import pytest

from market.clock import LIVE_TIME, STEP_MS, LiveClock, MarketTime

START_NS = 1_767_225_600_000_000_000


@dataclass
class System:
    """A computer's two clocks; the wall clock can be set."""

    wall: int = START_NS
    monotonic: int = 5_000_000_000

    def pass_ms(self, ms: float) -> None:
        self.wall += round(ms * 1e6)
        self.monotonic += round(ms * 1e6)

    def step_ms(self, ms: float) -> None:
        self.wall += round(ms * 1e6)

    def clock(self) -> LiveClock:
        return LiveClock(lambda: self.wall, lambda: self.monotonic)


def test_live_clock_goes_on_with_the_monotonic_clock_when_the_system_clock_steps() -> None:
    system = System()
    clock = system.clock()
    system.pass_ms(250)
    system.step_ms(-3_600_000)
    assert clock.now_ms() == START_NS / 1e6 + 250


@pytest.mark.parametrize("step_ms", [-3_600_000.0, -(STEP_MS + 1), STEP_MS + 1, 60_000.0])
def test_resync_after_a_step_reports_it_once_and_follows(step_ms: float) -> None:
    system = System()
    clock = system.clock()
    system.pass_ms(2_000)
    system.step_ms(step_ms)
    assert clock.resync() == pytest.approx(step_ms, abs=0.01)
    assert clock.now_ms() == system.wall / 1e6
    system.pass_ms(2_000)
    assert clock.resync() is None


@pytest.mark.parametrize("drift_ms", [0.0, 0.5, -STEP_MS + 1, STEP_MS - 1])
def test_resync_after_ordinary_drift_follows_without_a_report(drift_ms: float) -> None:
    system = System()
    clock = system.clock()
    system.pass_ms(2_000)
    system.step_ms(drift_ms)
    assert clock.resync() is None
    assert clock.now_ms() == system.wall / 1e6


def market(speed: float = 20.0) -> MarketTime:
    return MarketTime("replay/a/3", False, 1_000_000.125, 1_767_225_600_000.5, speed)


def text(told: MarketTime) -> dict[str, str]:
    return {str(name): str(value) for name, value in told.to_hash().items()}


@pytest.mark.parametrize("told", [market(), market(0.0), LIVE_TIME])
def test_market_time_through_redis_is_the_same(told: MarketTime) -> None:
    assert MarketTime.from_hash(text(told)) == told


@pytest.mark.parametrize("field", ["venue", "live", "market_ms", "wall_ms", "speed"])
def test_market_time_without_a_field_is_unknown(field: str) -> None:
    fields = text(market())
    del fields[field]
    assert MarketTime.from_hash(fields) is None


def test_market_time_with_a_number_that_is_none_is_unknown() -> None:
    assert MarketTime.from_hash(text(market()) | {"speed": "fast"}) is None


def test_market_time_maps_wall_time_at_its_speed_and_back() -> None:
    told = market(speed=20.0)
    later_wall_ms = told.wall_ms + 500
    assert told.market_at(later_wall_ms) == told.market_ms + 10_000
    assert told.wall_at(told.market_ms + 10_000) == later_wall_ms
    assert told.wall_at(told.market_at(later_wall_ms)) == pytest.approx(later_wall_ms)


def test_market_time_in_utc_maps_to_itself() -> None:
    assert LIVE_TIME.market_at(123_456.5) == LIVE_TIME.wall_at(123_456.5) == 123_456.5


def test_market_time_of_speed_zero_alone_is_lock_step() -> None:
    assert market(0.0).lock_step
    assert not market(0.5).lock_step
