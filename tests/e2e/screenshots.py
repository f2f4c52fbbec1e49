"""`python -m tests.e2e.screenshots`: every page in both themes and three widths, as pictures.

Starts the stack with a long past, and lets its market run a while, so that charts are full.
"""

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.browser import find_chromium
from tests.e2e.places import PLACES, Place, log_in, visit
from tests.e2e.stack import MANY, Stack, running_stack
from tests.processes import ROOT
from tests.waiting import eventually_sync

Theme = Literal["light", "dark"]

SIZES: dict[int, ViewportSize] = {
    1440: {"width": 1440, "height": 900},
    1024: {"width": 1024, "height": 768},
    390: {"width": 390, "height": 844},
}
PHONE = 390
THEMES: tuple[Theme, ...] = ("light", "dark")
OUTCOMES = 70
"""Graded forecasts, of two coins, before the first picture: over a minute of the market."""

_DRAWN = "() => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 700))"
"""Charts that are laid out anew draw in the frames after; nothing tells when."""


def main() -> None:
    """Parse the command line and take the pictures that it asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "var" / "screenshots", metavar="FOLDER")
    parser.add_argument("pages", nargs="*", help=", ".join(each.name for each in PLACES))
    arguments = parser.parse_args()
    known = {each.name: each for each in PLACES}
    unknown = sorted(set(arguments.pages) - set(known))
    if unknown:
        parser.error(f"no page {unknown[0]}; allowed are {', '.join(known)}")
    chosen = [known[name] for name in arguments.pages] or list(PLACES)
    arguments.into.mkdir(parents=True, exist_ok=True)
    with running_stack(MANY) as stack:
        stack.start("retrain", "--schedule")
        # Signals of 15 minutes can be entered for two; charts of ticks fill meanwhile.
        for path in take(stack, [each for each in chosen if "signal" in each.name], arguments.into):
            print(path)
        eventually_sync(lambda: stack.count("forecastoutcome") >= OUTCOMES, 240)
        rest = [each for each in chosen if "signal" not in each.name]
        for path in take(stack, rest, arguments.into):
            print(path)


def take(stack: Stack, chosen: Sequence[Place], into: Path) -> list[Path]:
    """Take every picture of the chosen pages; return where they lie."""
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        logged_in = log_in(stack, browser)
        for place in chosen:
            for width, size in SIZES.items():
                context = browser.new_context(
                    viewport=size,
                    reduced_motion="reduce",
                    timezone_id="UTC",
                    storage_state=logged_in if place.login else None,
                )
                with closing(context):
                    page = context.new_page()
                    visit(stack, page, place)
                    if width > PHONE:
                        choose(page, place)
                    taken += pictures(page, into / f"{place.name}-{width}")
        browser.close()
    return taken


def choose(page: Page, place: Place) -> None:
    """Choose what a reader would look at beside the rest."""
    if place.name == "signals":
        page.locator('button.cell[data-kind="LONG"], button.cell[data-kind="SHORT"]').first.click()


def pictures(page: Page, name: Path) -> list[Path]:
    """Take the whole page in each theme."""
    taken = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        page.evaluate(_DRAWN)
        taken.append(name.with_name(f"{name.name}-{theme}.png"))
        page.screenshot(path=taken[-1], full_page=True)
    return taken


if __name__ == "__main__":
    main()
