"""A recorded ledger, and the key that signed it, for the tests of its check."""

from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from tests.integration.checked_ledger import SIGNER, record_all


@pytest.fixture
def recorded(binary: redis.Redis) -> redis.Redis:
    record_all(binary)
    return binary


@pytest.fixture
def key_file(tmp_path: Path, settings: Settings) -> Path:
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.CANDLES_DIR = tmp_path / "candles"
    settings.LEDGER_KEY_FILE.write_text(SIGNER.text)
    path: Path = settings.LEDGER_KEY_FILE
    return path
