"""What a client has left: a full period's requests at once, then evenly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from predictions.api import throttling
from predictions.api.throttling import Allowances

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken(allowances: Allowances, times: int, client: str = "a") -> list[float]:
    return [allowances.take(client, 60, 60.0) for _ in range(times)]


def test_allowance_full_period_is_given_at_once_and_no_more() -> None:
    waits = taken(Allowances(Clock()), 62)

    assert waits[:60] == [0.0] * 60
    assert waits[60:] == pytest.approx([1.0, 1.0], abs=1e-6)


def test_allowance_spent_refills_evenly() -> None:
    clock = Clock()
    allowances = Allowances(clock)
    taken(allowances, 60)

    clock.now += 2.0
    assert taken(allowances, 3)[:2] == [0.0, 0.0]
    clock.now += 0.5
    assert taken(allowances, 1) == pytest.approx([0.5], abs=1e-6)


def test_allowance_idle_for_long_is_one_period_not_more() -> None:
    clock = Clock()
    allowances = Allowances(clock)
    taken(allowances, 1)
    clock.now += 1e6

    assert sum(wait == 0.0 for wait in taken(allowances, 100)) == 60


def test_allowance_of_one_client_is_not_anothers() -> None:
    allowances = Allowances(Clock())
    taken(allowances, 60)

    assert taken(allowances, 1, client="b") == [0.0]


def test_allowances_memory_is_bounded_and_forgets_the_idle_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttling, "MOST_CLIENTS", 10)
    clock = Clock()
    allowances = Allowances(clock)
    taken(allowances, 60, client="busy")
    clock.now += 30
    for index in range(100):
        taken(allowances, 1, client=f"client-{index}")
        clock.now += 0.2

    assert len(allowances._full_at) <= 10
    assert "busy" in allowances._full_at


@pytest.mark.parametrize("rate", ["0/minute", "12", "many/minute", "5/week", "-1/second"])
def test_rate_that_cannot_be_understood_stops_the_start_and_is_named(
    rate: str, tmp_path: Path
) -> None:
    env = dict(os.environ) | {"API_RATE": rate, "VAR_DIR": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", "import cryptosite.settings.rest"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )

    assert answer.returncode != 0
    assert f"API_RATE={rate!r}: must be a count and second, minute, hour or day" in answer.stderr
