"""What several tests of the REST API, and of the signal loop, start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.api import kept_answers, throttling
from predictions.models import LedgerEntry
from predictions.promotion import standing
from tests.integration.ledger import stored_leaf
from tests.integration.made_signals import a_signal, set_market
from tests.mqtt_broker import Broker, Listener, listening
from tests.signal_loops import DAY_MS, FakePredictor
from tests.signals import store_state


@pytest.fixture(autouse=True)
def unspent_allowances() -> None:
    throttling.allowances.reset()


@pytest.fixture(autouse=True)
def no_kept_answers() -> None:
    kept_answers.answers.forget()


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promotions start no process that opens the network: those in question are shipped ones."""
    monkeypatch.setattr(standing, "refuse_unopenable", lambda slot, folder: None)


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


@pytest.fixture
def binary(clean_redis: redis.Redis, redis_url: str) -> Iterator[redis.Redis]:
    """Client of the session's emptied server whose answers are bytes."""
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


@pytest.fixture
def leaf(db: None) -> LedgerEntry:
    """The entry of the log that stored forecasts name as theirs."""
    return stored_leaf()


@pytest.fixture
def predictor() -> FakePredictor:
    """A store in which every timeframe has the candle that closed at DAY_MS."""
    found = FakePredictor()
    for timeframe in SIGNAL_TIMEFRAMES:
        found.store(timeframe, DAY_MS - timeframe.ms)
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One a test: what is retained belongs to the broker."""
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    with listening(broker.port) as listener:
        yield listener
