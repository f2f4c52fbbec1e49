"""When a live feed counts as lost: never while its first connections are being made."""

from market.feed_state import DOWN_AFTER_MS, ConnectionState, FeedState, lost_exchange

NOW_MS = 1_790_000_000_000.0


def state(*connections: ConnectionState) -> FeedState:
    return FeedState("kraken", connections)


def test_feed_that_connects_for_the_first_time_is_not_lost() -> None:
    assert lost_exchange(state(ConnectionState("market-1", up=False)), NOW_MS) is None
    assert lost_exchange(state(), NOW_MS) is None


def test_feed_that_never_connected_is_lost_once_it_was_refused() -> None:
    refused = ConnectionState("market-1", up=False, attempts=1, error="no route to it")
    outage = lost_exchange(state(refused), NOW_MS)
    assert outage is not None
    assert outage.since_ms == NOW_MS
    assert [each.error for each in outage.tried] == ["no route to it"]


def test_feed_that_lost_all_connections_is_lost_from_its_last_sign_of_life() -> None:
    gone = ConnectionState("market-1", up=False, proof_age_ms=DOWN_AFTER_MS + 5, attempts=3)
    brief = ConnectionState("market-2", up=False, proof_age_ms=DOWN_AFTER_MS - 5, attempts=1)
    up = ConnectionState("candles", up=True, proof_age_ms=100.0)
    outage = lost_exchange(state(gone), NOW_MS)
    assert outage is not None
    assert outage.since_ms == NOW_MS - DOWN_AFTER_MS - 5
    assert lost_exchange(state(gone, brief), NOW_MS) is None
    assert lost_exchange(state(gone, up), NOW_MS) is None
