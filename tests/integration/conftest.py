"""What several tests of the REST API start from."""

import pytest
import redis
from django.conf import settings

from predictions.api import throttling
from tests.integration.made_signals import a_signal, set_market
from tests.signals import store_state


@pytest.fixture(autouse=True)
def unspent_allowances() -> None:
    throttling.allowances.reset()


@pytest.fixture
def market(clean_redis: redis.Redis) -> redis.Redis:
    """The session's Redis with a market that stands still at MADE_MS."""
    set_market(clean_redis)
    return clean_redis


@pytest.fixture
def all_made(market: redis.Redis) -> redis.Redis:
    """The same with a signal of 15 minutes for every coin."""
    for symbol in settings.SIGNAL_SYMBOLS:
        store_state(market, a_signal(symbol=symbol))
    return market
