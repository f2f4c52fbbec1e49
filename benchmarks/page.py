"""What the Live page costs a browser: first load, pictures, a minute of ticks, an hour of them.

    python benchmarks/page.py [--loads N] [--seconds S] [--fast-ticks N] [--hour-ticks N]

A web process and a Redis of its own, Chromium, 34 coins forecast. first_load_kb: bytes over the
wire of a first visit, headers included. largest_contentful_paint_ms: median over the first
visits. longest_task_ms: of the page's main thread in a trace of S seconds at a tick every two
seconds, books and quotes between them. tick_to_paint_p99_ms: from a tick's publishing to the
first animation frame after the page has written it, by this computer's clock, over that minute
and N further ticks at four a second. heap_growth_mb: of the script heap, after collection, from
there over an hour's worth of ticks, twenty a second. All on one computer, which publishes as
well.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import redis
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.page_market import TICK_MS, PageMarket
from benchmarks.percentiles import percentile
from benchmarks.private_redis import private_redis
from market.symbols import DEFAULT_SIGNAL_SYMBOLS
from tests.browser import find_chromium
from tests.environment import instance_environment
from tests.web_instance import WebInstance

CELL_SECONDS = 0.1
FAST_PER_SECOND = 4
HOUR_PER_SECOND = 20
SETTLE_SECONDS = 3.0
MAIN_THREAD = "CrRendererMain"
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")

WATCH = """
window.painted = [];
window.largest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.largest = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
document.addEventListener("DOMContentLoaded", () => {
  const forecast = document.getElementById("forecast");
  new MutationObserver(() => {
    const seq = Number(forecast.dataset.seq);
    requestAnimationFrame(() => {
      window.painted.push([seq, performance.timeOrigin + performance.now()]);
    });
  }).observe(forecast, { attributeFilter: ["data-seq"] });
});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the trace")
    parser.add_argument("--fast-ticks", type=int, default=200)
    parser.add_argument("--hour-ticks", type=int, default=1_800)
    asked = parser.parse_args()
    with serving() as (url, client), sync_playwright() as playwright:
        market = PageMarket(client, DEFAULT_SIGNAL_SYMBOLS)
        market.run_at(1.0)
        play(market, 10.0, every=TICK_MS / 1000)  # so that the page has something to show
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        figures, beside = measure(browser, url, market, asked)
        browser.close()
    print(json.dumps(beside))
    print(json.dumps(figures))


@contextmanager
def serving() -> Iterator[tuple[str, redis.Redis]]:
    """Yield the address of a web process of 34 coins, and its Redis."""
    with (
        private_redis() as (url, _),
        tempfile.TemporaryDirectory(prefix="cs-page-", dir="/tmp") as folder,
    ):
        environment = instance_environment(Path(folder) / "var") | {
            "FORECAST_SYMBOLS": ",".join(DEFAULT_SIGNAL_SYMBOLS),
            "MARKET_SOURCE": "simulated",
            "LOG_LEVEL": "WARNING",
        }
        web = WebInstance(environment, redis_url=url, log=Path(folder) / "web.log")
        with web, redis.Redis.from_url(url) as client:
            yield web.url, client


def measure(
    browser: Browser, url: str, market: PageMarket, asked: argparse.Namespace
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the figures, and what explains them."""
    loads = [first_visit(browser, url, market) for _ in range(asked.loads)]
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    published: dict[int, float] = {}
    play(market, SETTLE_SECONDS, every=TICK_MS / 1000)
    traced = tasks_of(browser, page, lambda: play(market, asked.seconds, TICK_MS / 1000, published))
    market.run_at(TICK_MS / 1000 * FAST_PER_SECOND)
    play(market, asked.fast_ticks / FAST_PER_SECOND, 1 / FAST_PER_SECOND, published)
    latencies = paint_latencies(page, published)
    cdp = page.context.new_cdp_session(page)
    before = memory(cdp)
    market.run_at(TICK_MS / 1000 * HOUR_PER_SECOND)
    play(market, asked.hour_ticks / HOUR_PER_SECOND, 1 / HOUR_PER_SECOND)
    page.evaluate("window.hour = window.painted.length; window.painted.length = 0")
    after = memory(cdp)
    figures = {
        "first_load_kb": round(median(bytes_ for bytes_, _ in loads) / 1000, 1),
        "largest_contentful_paint_ms": round(median(lcp for _, lcp in loads)),
        "longest_task_ms": round(max(wall for wall, _ in traced), 1),
        "tick_to_paint_p99_ms": round(percentile(latencies, 0.99), 1),
        "heap_growth_mb": round((after["heap"] - before["heap"]) / 1e6, 2),
    }
    beside = {
        "largest_contentful_paint_each_ms": [round(lcp) for _, lcp in loads],
        "longest_task_cpu_ms": round(max(cpu for _, cpu in traced), 1),
        "tick_to_paint_p50_ms": round(percentile(latencies, 0.5), 1),
        "ticks_published": len(published),
        "ticks_painted": len(latencies),
        "hour_ticks_painted": page.evaluate("window.hour"),
        "heap_mb": round(after["heap"] / 1e6, 2),
        "nodes_before_after": [before["nodes"], after["nodes"]],
        "load_average": [round(each, 1) for each in os.getloadavg()],
    }
    return figures, beside


def play(
    market: PageMarket, seconds: float, every: float, published: dict[int, float] | None = None
) -> None:
    """Have the market go on: a cell ten times a second, a tick every so many seconds."""
    began = time.monotonic()
    cells = ticks = 0
    while (now := time.monotonic() - began) < seconds:
        if now >= ticks * every:
            ticks += 1
            sent = time.time() * 1000
            market.tick()
            if published is not None:
                published[market.seq] = sent
        if now >= cells * CELL_SECONDS:
            cells = int(now / CELL_SECONDS) + 1
            market.move()
        due = min(ticks * every, cells * CELL_SECONDS)
        time.sleep(max(0.0, began + due - time.monotonic()))


def first_visit(browser: Browser, url: str, market: PageMarket) -> tuple[float, float]:
    """Return the bytes that came and the largest contentful paint, of a browser without a cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    cdp = context.new_cdp_session(page)
    sizes: list[float] = []
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    cdp.send("Network.enable")
    page.goto(url)
    page.wait_for_load_state("load")
    play(market, SETTLE_SECONDS, every=TICK_MS / 1000)
    largest = float(page.evaluate("window.largest"))
    context.close()
    return sum(sizes), largest


def tasks_of(browser: Browser, page: Page, act: Callable[[], None]) -> list[tuple[float, float]]:
    """Return each task of the page's main thread while `act` runs: its ms by wall and by CPU."""
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == MAIN_THREAD
    }
    return [
        (event["dur"] / 1000, event.get("tdur", 0) / 1000)
        for event in events
        if event["name"] in TASKS and "dur" in event and (event["pid"], event["tid"]) in threads
    ]


def paint_latencies(page: Page, published: dict[int, float]) -> list[float]:
    """Return the ms from publishing to painting, of each tick that was painted."""
    painted = page.evaluate("window.painted.splice(0)")
    return [at - published[seq] for seq, at in painted if seq in published]


def memory(cdp: CDPSession) -> dict[str, float]:
    """Return the bytes in use of the script heap after collection, and the nodes there are."""
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    counters = cdp.send("Memory.getDOMCounters")
    return {"heap": cdp.send("Runtime.getHeapUsage")["usedSize"], "nodes": counters["nodes"]}


if __name__ == "__main__":
    main()
