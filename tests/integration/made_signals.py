"""The specification's example of a signal, and a market that stands still when it is made."""

from typing import Any

import redis

from inference.signals.signal import Signal
from market import keys
from market.clock import MarketTime
from tests.signals import VENUE, signal

MADE_MS = 1_766_927_700_000
"""2025-12-28T13:15:00Z, a close of 15 minutes."""


def a_signal(symbol: str = "BTCUSDT", **changes: Any) -> Signal:
    """Return the specification's example, changed in some fields."""
    said: dict[str, Any] = {"probabilities": (0.15, 0.07, 0.78), "model_accuracy": 0.685}
    return signal(symbol, at_ms=MADE_MS, **(said | changes))


def set_market(client: redis.Redis, market_ms: float = MADE_MS, *, venue: str = VENUE) -> None:
    """Let market time stand: speed 0 is lock-step."""
    moment = MarketTime(venue, live=False, market_ms=market_ms, wall_ms=0.0, speed=0.0)
    client.hset(keys.clock(), mapping=moment.to_hash())
