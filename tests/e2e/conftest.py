"""A browser's page and a web process, for the tests that publish as the loops do."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page, expect, sync_playwright
from xdist.scheduler import LoadScopeScheduling

from tests.browser import find_chromium
from tests.environment import instance_environment
from tests.waiting import PATIENCE_SECONDS
from tests.web_instance import WebInstance

WHOLE = "whole"

PATIENCE_MS = PATIENCE_SECONDS * 1_000
expect.set_options(timeout=PATIENCE_MS)


class PageScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
    """Runs on one worker what shares a stack, or a module's page: a file, or the whole folder."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return str(path.parent if path.parent.name == WHOLE else path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> PageScheduling:
    return PageScheduling(config)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all pages of a file; each test has a context, and so a profile, of its own."""
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
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def prepared_web(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> WebInstance:
    folder = tmp_path_factory.mktemp("web")
    environment = instance_environment(folder / "var")
    return WebInstance(environment, redis_url=redis_url, log=folder / "web.log")


@pytest.fixture
def web(clean_redis: redis.Redis, prepared_web: WebInstance) -> Iterator[WebInstance]:
    """A process of this test's own; nothing is stored that the next one would find."""
    with prepared_web:
        yield prepared_web


@dataclass
class Heard:
    """What a page complained of, and the addresses it asked."""

    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def strangers(self, own: str) -> list[str]:
        """Return the addresses that are not of the server `own`."""
        return [url for url in self.asked if not url.startswith((own, "data:", "blob:"))]


def listen(page: Page) -> Heard:
    """Keep what a page complains of and asks from now on."""
    found = Heard()
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    return found


@pytest.fixture
def heard(page: Page) -> Heard:
    return listen(page)
