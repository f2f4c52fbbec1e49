"""Every page that there is, where it lies on the stack, and when it has settled.

Read by the tests that look at every page, and by `python -m tests.e2e.screenshots`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Response, StorageState, expect

from tests.e2e.stack import BEGINS_MS, Stack
from tests.waiting import PATIENCE_SECONDS

SETTLED_MS = PATIENCE_SECONDS * 1_000
_ROWS = {
    "graded_signal": (
        "signal",
        "direction <> 'NO_TRADE' AND id IN (SELECT signal_id FROM predictions_signaloutcome)",
    ),
    "open_signal": ("signal", f"direction <> 'NO_TRADE' AND candle_close = {BEGINS_MS}"),
    "graded_forecast": ("forecast", "id IN (SELECT forecast_id FROM predictions_forecastoutcome)"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One page. ours: of this project's own making, not Django's or Swagger's.

    live: it has a WebSocket. ready: a selector of what it shows at the end. unkept: rules of axe
    that a framework's own markup does not keep, and why that is left so.
    """

    name: str
    path: str
    ours: bool = True
    live: bool = True
    login: bool = False
    status: int = 200
    ready: str = "main"
    unkept: Mapping[str, str] = field(default_factory=dict)


SWAGGER = {
    "color-contrast": "Swagger UI's colours of methods and versions",
    "heading-order": "Swagger UI's groups are h3 beneath an h1",
    "nested-interactive": "Swagger UI puts a link into each operation's button",
    "region": "Swagger UI's information stands outside of its main",
    "target-size": "Swagger UI's paths are links of one line",
}
DJANGO = {
    "link-in-text-block": "the admin's link beside a search is told by its colour alone",
    "link-name": "the admin's filter has a link without text where a column may be empty",
    "page-has-heading-one": "the admin's login has none",
    "target-size": "the admin's filters are lists of links, a line each",
}
PLACES = (
    Place("live", "/", ready="[data-testid=recent] tr"),
    Place("live-unknown", "/?symbol=NOSUCHUSDT", live=False, status=404),
    Place("signals", "/signals", ready="button.cell"),
    Place("symbol", "/symbols/BTCUSDT", ready="[data-testid=chart-panel][data-panel=ready]"),
    Place("symbol-unknown", "/symbols/NOSUCHUSDT", live=False, status=404),
    Place("signal", "/signals/{graded_signal}"),
    Place("signal-open", "/signals/{open_signal}"),
    Place("signal-unknown", "/signals/999999999", live=False, status=404),
    Place("forecast", "/forecasts/{graded_forecast}"),
    Place("accuracy", "/accuracy?engine=signals"),
    Place("accuracy-forecasts", "/accuracy?engine=forecasts"),
    Place("models", "/models"),
    Place("system", "/system"),
    Place(
        "docs", "/api/docs", ours=False, live=False, ready=".opblock", unkept=SWAGGER
    ),
    Place("login", "/admin/login/", ours=False, live=False, ready="#login-form", unkept=DJANGO),
    Place("admin", "/admin/", ours=False, live=False, login=True, ready="#content"),
    Place(
        "admin-signals", "/admin/predictions/signal/", ours=False, live=False, login=True,
        ready="#result_list", unkept=DJANGO,
    ),
)  # fmt: skip


def address(stack: Stack, place: Place) -> str:
    """Return where a place lies, with such a signal and forecast as the stack's past has."""
    ids = {each: stack.newest(*_ROWS[each]) for each in _ROWS if f"{{{each}}}" in place.path}
    return stack.address + place.path.format_map(ids)


def log_in(stack: Stack, browser: Browser) -> StorageState:
    """Return what a browser keeps that has logged in as the stack's administrator."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{stack.address}/admin/login/?next=/admin/")
    page.get_by_label("Username").fill(stack.account[0])
    page.get_by_label("Password").fill(stack.account[1])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    kept = context.storage_state()
    context.close()
    return kept


def visit(stack: Stack, page: Page, place: Place) -> Response:
    """Open a place and wait until it has settled; return the page as served."""
    answer = page.goto(address(stack, place))
    if answer is None or answer.status != place.status:
        raise AssertionError(f"{place.path} answered {answer and answer.status}")
    settle(page, place)
    return answer


def settle(page: Page, place: Place) -> None:
    """Wait until a place shows what it has to show."""
    if place.live:
        connection = page.get_by_test_id("connection")
        expect(connection).to_have_attribute("data-state", "open", timeout=SETTLED_MS)
    expect(page.locator(place.ready).first).to_be_visible(timeout=SETTLED_MS)
    expect(page.locator('[data-panel="loading"]:visible')).to_have_count(0, timeout=SETTLED_MS)
