"""What is wrong with a page as it stands: what axe finds, and what is wider than the window.

Read by the tests that look at every page, and by those that fill one with what they look at.
"""

from collections.abc import Collection
from typing import Any

from playwright.sync_api import Page

from tests.processes import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_AXE = """async ({tags, only, excluded}) => {
  await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)));
  const runOnly = only ? {type: "rule", values: [only]} : {type: "tag", values: tags};
  const rules = Object.fromEntries(excluded.map((id) => [id, {enabled: false}]));
  const options = {runOnly, resultTypes: ["violations"], preload: false};
  if (!only) options.rules = rules;
  const found = await axe.run(document, options);
  return found.violations.map((each) => ({
    id: each.id,
    help: each.help,
    nodes: each.nodes.slice(0, 5).map((node) => `${node.target} ${node.html.slice(0, 160)} `
      + [...node.any, ...node.all].map((check) => check.message).slice(0, 1)),
  }));
}"""


_STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (each) => each !== document.documentElement
    && (getComputedStyle(each).overflowX !== "visible" || scrolls(each.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > width + 1)
    .filter((each) => !scrolls(each))
    .slice(0, 8)
    .map((each) => `${each.tagName} .${each.className} #${each.id} `
      + Math.round(each.getBoundingClientRect().right));
}"""


def violations(page: Page, unkept: Collection[str] = (), only: str | None = None) -> list[Any]:
    """Return what axe finds, but for the rules `unkept`; only: that rule alone, such as one that
    the theme decides."""
    if only in unkept:
        return []
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    return list(page.evaluate(_AXE, {"tags": TAGS, "only": only, "excluded": sorted(unkept)}))


def sticking_out(page: Page) -> list[str]:
    """Return what makes the page wider than the window, where it is."""
    return list(page.evaluate(_STICKING_OUT))
