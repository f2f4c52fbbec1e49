"""Every page, on the whole stack: axe, console, requests, width, what is served and how."""

import json
import re
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize

from tests.e2e.conftest import listen
from tests.e2e.looking import sticking_out, violations
from tests.e2e.places import PLACES, Place, log_in, settle, visit
from tests.e2e.stack import Stack

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def logged_in(browser: Browser, stack: Stack) -> StorageState:
    return log_in(stack, browser)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_page_is_clean_for_axe_asks_nobody_else_and_fits_in_both_themes(
    stack: Stack, browser: Browser, logged_in: StorageState, place: Place
) -> None:
    context = browser.new_context(
        viewport=WIDE, reduced_motion="reduce", storage_state=logged_in if place.login else None
    )
    with closing(context):
        faults = faults_of(stack, context.new_page(), place)
    found = {name: each for name, each in faults.items() if each}
    assert not found, json.dumps(found, indent=1)


def faults_of(stack: Stack, page: Page, place: Place) -> dict[str, list[Any]]:
    """Visit a place wide and narrow, light and dark; return what is wrong with it, by kind."""
    heard = listen(page)
    faults: dict[str, list[Any]] = {}
    served = visit(stack, page, place)
    faults["policy"] = lax(served.all_headers().get("content-security-policy", ""))
    faults["inline"] = inline(served.text()) if place.ours else []
    for width, size in (("1440", WIDE), ("390", NARROW)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        settle(page, place)
        faults[f"axe at {width}"] = violations(page, place.unkept)
        faults[f"sideways at {width}"] = sticking_out(page) if place.ours else []
        page.emulate_media(color_scheme="dark")
        faults[f"contrast in the dark at {width}"] = violations(
            page, place.unkept, "color-contrast"
        )
    faults["console"] = [each for each in heard.complaints if not expected(each, place)]
    faults["asked others"] = heard.strangers(stack.address)
    return faults


def inline(served: str) -> list[str]:
    """Return scripts and styles that stand in the page itself, which the policy forbids."""
    styles = re.findall(r"<[^>]*\sstyle=[^>]*>|<style[^>]*>|<[^>]*\son[a-z]+=[^>]*>", served)
    scripts = [
        tag
        for tag in re.findall(r"<script[^>]*>", served)
        if " src=" not in tag and "application/json" not in tag
    ]
    return styles + scripts


def lax(policy: str) -> list[str]:
    """Return what a content security policy allows, or leaves open, that it should not."""
    strict = "default-src 'self'" in policy and "script-src" not in policy
    return re.findall(r"'unsafe-[^']*'|\*|https?:", policy) + ([] if strict else [policy])


def expected(complaint: str, place: Place) -> bool:
    """Tell whether a browser's complaint is of the page's own status, which is meant."""
    return place.status >= 400 and f"status of {place.status}" in complaint
