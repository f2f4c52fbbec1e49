"""One web process for all tests of this folder: what it shows it reads anew for every page."""

from collections.abc import Iterator

import pytest
import redis

from tests.web_instance import WebInstance


@pytest.fixture(scope="package")
def running(prepared_web: WebInstance) -> Iterator[WebInstance]:
    with prepared_web:
        yield prepared_web


@pytest.fixture
def web(running: WebInstance, clean_redis: redis.Redis) -> WebInstance:
    return running
