"""What the signals page shows, as its tests find it, and the market that it shows."""

import time

import redis
from playwright.sync_api import Locator, Page

from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.integration.web_socket import store_clock

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
M15, H1, H4, D1 = SIGNAL_TIMEFRAMES
DAY_MS = D1.ms


def cell(page: Page, symbol: str, timeframe: Timeframe) -> Locator:
    return page.get_by_test_id(f"cell-{symbol}-{timeframe}")


def seen(page: Page, symbol: str, timeframe: Timeframe) -> Locator:
    return cell(page, symbol, timeframe).locator(".seen")


def rows(page: Page) -> Locator:
    return page.locator("#matrix tbody tr:visible")


def part(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"detail-{name}")


def market_now(client: redis.Redis, *, speed: float = 1.0) -> float:
    """Set the market's time to just after a day's close, when all candles close; return it."""
    now_ms = time.time() * 1000 // DAY_MS * DAY_MS + 1_000
    store_clock(client, now_ms=now_ms, speed=speed)
    return now_ms
