"""How long the restarting wrapper waits."""

import random

from cryptosite.processes.supervise import (
    EX_CONFIG,
    HEALTHY_SECONDS,
    LONGEST_DELAY_SECONDS,
    BackOff,
)


class Highest(random.Random):
    """Draws the top of every range."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_back_off_after_quick_ends_doubles_up_to_its_limit() -> None:
    back_off = BackOff(Highest())
    delays = [back_off.after(lived_seconds=0.1, status=1) for _ in range(8)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_back_off_after_a_healthy_run_starts_over() -> None:
    back_off = BackOff(Highest())
    for _ in range(5):
        back_off.after(lived_seconds=0.1, status=1)
    assert back_off.after(lived_seconds=HEALTHY_SECONDS, status=1) == 0.5


def test_back_off_after_refused_configuration_is_the_longest() -> None:
    back_off = BackOff(Highest())
    assert back_off.after(lived_seconds=0.1, status=EX_CONFIG) == LONGEST_DELAY_SECONDS


def test_back_off_spreads_restarts_within_half_its_delay() -> None:
    delays = {BackOff(random.Random(seed)).after(lived_seconds=0, status=1) for seed in range(100)}
    assert len(delays) > 50
    assert 0.25 <= min(delays) < max(delays) <= 0.5
