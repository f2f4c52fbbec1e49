"""The ledger's part of a frame while the database says nothing."""

import threading
from typing import Any

import pytest

from dashboard import history


@pytest.mark.django_db
async def test_ledger_that_does_not_answer_in_time_is_unknown_and_holds_up_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()

    def stuck(**asked: Any) -> dict[str, Any]:
        answered.wait(30)
        return {}

    monkeypatch.setattr(history, "LEDGER_SECONDS", 0.05)
    monkeypatch.setattr(history, "recent_forecasts", stuck)
    try:
        assert await history.ledger_forecasts("binance", ("BTCUSDT",), [1.0], 1_000) is None
        assert not answered.is_set()
    finally:
        answered.set()
