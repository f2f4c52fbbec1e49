"""Delays between attempts."""

from market.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff


def test_backoff_delays_grow_to_a_bound_and_differ():
    backoff = Backoff()
    delays = [backoff.next_seconds() for _ in range(30)]
    assert delays[0] <= FIRST_SECONDS
    assert all(LONGEST_SECONDS / 2 <= delay <= LONGEST_SECONDS for delay in delays[10:])
    assert len(set(delays[10:])) > 10
