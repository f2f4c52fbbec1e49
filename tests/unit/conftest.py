"""What several unit tests read and none changes."""

import pytest

from market.feeds import Batch
from tests.unit.simulated_markets import MINUTE, cells, feed_of


@pytest.fixture(scope="session")
def ten_minutes() -> list[Batch]:
    """Ten minutes of an ordinary tick, a large one, and an unknown symbol."""
    return cells(feed_of("BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"), 10 * MINUTE)
