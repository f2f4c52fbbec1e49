"""A receiver, a process that leads, and a loop that speaks, for the tests of webhooks."""

from collections.abc import Iterator

import pytest
import redis

from tests.integration.alert_loops import AlertRun, Clock
from tests.integration.receivers import Receiver, receiver
from tests.integration.webhooks.saying import Loop


@pytest.fixture
def bot() -> Iterator[Receiver]:
    with receiver() as served:
        yield served


@pytest.fixture
def run(bot: Receiver, clean_redis: redis.Redis) -> AlertRun:
    """A process that leads, over an empty ledger."""
    started = AlertRun(Clock(), webhooks=(bot.url(),))
    started.step()
    return started


@pytest.fixture
def say(clean_redis: redis.Redis, redis_url: str) -> Iterator[Loop]:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield Loop(client)
