"""Every page that there is, where it lies on the stack, and when it has settled.

Read by the tests that look at every page, and by `python -m tests.e2e.screenshots`.
"""

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.stack import ADMIN, BEGINS_MS, PASSWORD, Stack

SETTLED_MS = 20_000
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

    live: it has a WebSocket. ready: a selector of what it shows at the end.
    """

    name: str
    path: str
    ours: bool = True
    live: bool = True
    login: bool = False
    status: int = 200
    ready: str = "main"


PLACES = (
    Place("live", "/", ready="[data-testid=recent] tr"),
    Place("live-eth", "/?symbol=ETHUSDT", ready="[data-testid=recent] tr"),
    Place("live-unknown", "/?symbol=NOSUCHUSDT", live=False, status=404),
    Place("signals", "/signals", ready="button.cell"),
    Place("symbol", "/symbols/BTCUSDT"),
    Place("symbol-unknown", "/symbols/NOSUCHUSDT", live=False, status=404),
    Place("signal", "/signals/{graded_signal}"),
    Place("signal-open", "/signals/{open_signal}"),
    Place("signal-unknown", "/signals/999999999", live=False, status=404),
    Place("forecast", "/forecasts/{graded_forecast}"),
    Place("accuracy", "/accuracy?engine=signals"),
    Place("accuracy-forecasts", "/accuracy?engine=forecasts"),
    Place("models", "/models"),
    Place("system", "/system"),
    Place("docs", "/api/docs", ours=False, live=False, ready=".opblock"),
    Place("login", "/admin/login/", ours=False, live=False, ready="#login-form"),
    Place("admin", "/admin/", ours=False, live=False, login=True, ready="#content"),
    Place(
        "admin-signals", "/admin/predictions/signal/", ours=False, live=False, login=True,
        ready="#result_list",
    ),
)  # fmt: skip


def address(stack: Stack, place: Place) -> str:
    """Return where a place lies, with such a signal and forecast as the stack's past has."""
    ids = {each: stack.newest(*_ROWS[each]) for each in _ROWS if f"{{{each}}}" in place.path}
    return stack.address + place.path.format_map(ids)


def log_in(stack: Stack, context: BrowserContext) -> None:
    """Log the context in as the stack's administrator."""
    page = context.new_page()
    page.goto(f"{stack.address}/admin/login/?next=/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    page.close()


def visit(stack: Stack, page: Page, place: Place) -> str:
    """Open a place and wait until it has settled; return the HTML as served."""
    answer = page.goto(address(stack, place))
    if answer is None or answer.status != place.status:
        raise AssertionError(f"{place.path} answered {answer and answer.status}")
    served = answer.text()
    settle(page, place)
    return served


def settle(page: Page, place: Place) -> None:
    """Wait until a place shows what it has to show."""
    if place.live:
        connection = page.get_by_test_id("connection")
        expect(connection).to_have_attribute("data-state", "open", timeout=SETTLED_MS)
    expect(page.locator(place.ready).first).to_be_visible(timeout=SETTLED_MS)
    expect(page.locator('[data-panel="loading"]:visible')).to_have_count(0, timeout=SETTLED_MS)
