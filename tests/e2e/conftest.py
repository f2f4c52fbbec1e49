"""A browser's page and a web process, for the tests that publish as the loops do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import find_chromium
from tests.web_instance import WebInstance


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs a user that is not root.
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def web(
    clean_redis: redis.Redis, redis_url: str, instance_env: dict[str, str], tmp_path: Path
) -> Iterator[WebInstance]:
    with WebInstance(instance_env, redis_url=redis_url, log=tmp_path / "web.log") as instance:
        yield instance
