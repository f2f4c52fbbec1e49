"""What a reader chose: theme, time zone, motion; from the first byte on, and over a reload."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.places import PLACES, Place, settle, visit
from tests.e2e.stack import Stack

SYSTEM = next(place for place in PLACES if place.name == "system")
LIGHT, DARK = "rgb(242, 244, 246)", "rgb(11, 15, 20)"
"""`--page` of css/tokens.css."""
MOVING = """() => [...document.querySelectorAll("*")].filter((each) => {
  const {transitionDuration, animationName} = getComputedStyle(each);
  return transitionDuration.split(", ").some((time) => time !== "0s") || animationName !== "none";
}).length"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(color_scheme="light", timezone_id="Asia/Tokyo")
    with closing(made):
        yield made


def test_theme_without_a_choice_follows_the_system(stack: Stack, context: BrowserContext) -> None:
    page = context.new_page()
    assert "data-theme" not in visit(stack, page, SYSTEM).text()
    expect(page.locator("body")).to_have_css("background-color", LIGHT)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)


def test_theme_that_was_chosen_is_in_the_page_as_served(
    stack: Stack, context: BrowserContext
) -> None:
    page = context.new_page()
    visit(stack, page, SYSTEM)
    choose(page, "theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    assert 'data-theme="dark"' in reloaded(page, SYSTEM)
    expect(page.locator("body")).to_have_css("background-color", DARK)
    choose(page, "theme", "system")
    expect(page.locator("body")).to_have_css("background-color", LIGHT)
    assert "data-theme" not in reloaded(page, SYSTEM)


def test_times_are_in_the_readers_zone_with_utc_on_hover_or_in_utc_where_chosen(
    stack: Stack, context: BrowserContext
) -> None:
    page = context.new_page()
    visit(stack, page, SYSTEM)
    expect(page.locator("#clock-zone")).to_have_text("UTC+9")
    clock = page.locator("#clock")
    expect(clock).to_have_attribute("title", re.compile(r"^2024-08-09 00:\d\d:\d\d UTC$"))
    expect(clock).to_have_text(re.compile(r"^09:\d\d:\d\d$"))
    choose(page, "zone", "utc")
    expect(clock).to_have_text(re.compile(r"^00:\d\d:\d\d$"))
    reloaded(page, SYSTEM)
    expect(page.locator("#clock-zone")).to_have_text("UTC")
    expect(clock).to_have_text(re.compile(r"^00:\d\d:\d\d$"))


@pytest.mark.parametrize(
    "place", [each for each in PLACES if each.live][:3], ids=lambda each: each.name
)
def test_nothing_moves_where_motion_is_not_wanted(
    stack: Stack, context: BrowserContext, place: Place
) -> None:
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    visit(stack, page, place)
    assert page.evaluate(MOVING) == 0


def choose(page: Page, name: str, value: str) -> None:
    """Choose in the settings, as a reader does."""
    page.get_by_test_id("settings").click()
    option(page, name, value).check()
    page.keyboard.press("Escape")
    expect(option(page, name, value)).to_be_hidden()


def option(page: Page, name: str, value: str) -> Locator:
    return page.locator(f'#settings [name="{name}"][value="{value}"]')


def reloaded(page: Page, place: Place) -> str:
    """Reload the page; return its HTML as served."""
    answer = page.reload()
    settle(page, place)
    return answer.text() if answer else ""
