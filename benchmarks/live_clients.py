"""Two clients of one exchange at full speed: the house's live feed, and ccxt alone.

    python -m benchmarks.live_clients house|ccxt URL SECONDS SYMBOL…

Run by benchmarks/live_feed.py, each in a process of its own. The last line is JSON: messages_per_s,
and what else there is to know (cpu_share: of one core; 1 where the client itself is the limit).
The house: link, cells, books and features, without Redis; messages count once the tracker has taken
in their cell. ccxt: `watch_*` in a loop, whose answers are thrown away; messages count once its
client has handled them.
"""

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from typing import Any

import uvloop

WARM_UP_SECONDS = 3.0


def house(url: str, seconds: float, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Follow the market as fast as it comes; return what was taken in."""
    from market.exchanges import SUPPORTED
    from market.feeds.live.asking import ask_exchange
    from market.feeds.live.feed import LiveFeed
    from market.feeds.live.links import make_link
    from market.hot.tracking import MarketTracker

    exchange = SUPPORTED["binance"]
    markets = ask_exchange(exchange, url, symbols, 10.0, lambda: True)
    feed = LiveFeed(lambda now_ns: make_link(exchange, url, now_ns), symbols, (), markets)
    tracker = MarketTracker(feed)
    taken = Counter[str]()

    def follow() -> None:
        for batch in feed.batches():
            tracker.advance(batch)
            taken["events"] += len(batch.events)

    def told() -> int:
        return taken["events"] + feed.counters["conflated"]

    threading.Thread(target=follow, daemon=True).start()
    time.sleep(WARM_UP_SECONDS)
    began, worked, before = time.perf_counter(), time.process_time(), told()
    time.sleep(seconds)
    messages, passed = told() - before, time.perf_counter() - began
    cpu_share = (time.process_time() - worked) / passed
    feed.close()
    lost = {name: feed.counters[name] for name in ("breaks", "cells_given_up", "gaps")}
    synced = sum(features.book.synced for features in tracker.symbols.values())
    return {
        "messages_per_s": round(messages / passed),
        "cpu_share": round(cpu_share, 2),
        "conflated_share": round(feed.counters["conflated"] / max(told(), 1), 3),
        "synced": synced,
        **lost,
    }


async def bare(url: str, seconds: float, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Watch trades, books and tops as ccxt offers them; return what its clients handled."""
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    handled = 0
    handle = Client.handle_message

    def counting(client: Any, message: Any) -> None:
        nonlocal handled
        handle(client, message)
        handled += 1

    Client.handle_message = counting
    exchange = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    exchange.urls["api"]["public"] = f"{url}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = url.replace("http", "ws", 1) + "/ws"
    try:
        await exchange.load_markets()
        unified = [exchange.market(symbol)["symbol"] for symbol in symbols]

        async def watch(method: Any) -> None:
            while True:
                await method(unified)

        watching = [
            asyncio.create_task(watch(method))
            for method in (
                exchange.watch_trades_for_symbols,
                exchange.watch_order_book_for_symbols,
                exchange.watch_bids_asks,
            )
        ]
        await asyncio.sleep(WARM_UP_SECONDS)
        began, worked, before = time.perf_counter(), time.process_time(), handled
        await asyncio.sleep(seconds)
        messages, passed = handled - before, time.perf_counter() - began
        cpu_share = (time.process_time() - worked) / passed
        broken = [repr(task.exception()) for task in watching if task.done()]
        for task in watching:
            task.cancel()
    finally:
        await exchange.close()
    return {
        "messages_per_s": round(messages / passed),
        "cpu_share": round(cpu_share, 2),
        "broken": broken,
    }


def main() -> None:
    client, url, seconds, *symbols = sys.argv[1:]
    if client == "house":
        figures = house(url, float(seconds), tuple(symbols))
    else:
        figures = uvloop.run(bare(url, float(seconds), tuple(symbols)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
