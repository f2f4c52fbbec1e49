"""What several files of unit tests start from."""

from pathlib import Path

import pytest

from market.feeds import Batch
from tests.unit.artefact_files import NAME
from tests.unit.simulated_markets import MINUTE, cells, feed_of


@pytest.fixture(scope="session")
def ten_minutes() -> list[Batch]:
    """Ten minutes of an ordinary tick, a large one, and an unknown symbol."""
    return cells(feed_of("BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"), 10 * MINUTE)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Where an instance under `tmp_path` looks for the network that it came with."""
    return tmp_path / "models" / NAME


@pytest.fixture
def promoted(tmp_path: Path) -> Path:
    return tmp_path / "var" / "models" / NAME
