"""The folder of a symbol's recording."""

from pathlib import Path

import pytest

from market.recording.places import SymbolFolder
from tests.unit.recording.hours import SYMBOL, VENUE


@pytest.fixture
def folder(tmp_path: Path) -> SymbolFolder:
    return SymbolFolder.of(tmp_path, VENUE, SYMBOL)
