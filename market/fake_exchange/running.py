"""The fake exchange as a process of its own. Called by `manage.py fake_exchange`."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.faults import parse_fault
from market.fake_exchange.server import HOST, serving
from market.fake_exchange.staging import ExchangePlan
from market.symbols import parse_symbol

_LOOK_SECONDS = 0.2


async def run_fake_exchange(
    recordings: tuple[Path, ...],
    options: Mapping[str, Any],
    stopping: Callable[[], bool],
    say: Callable[[str], Any],
) -> None:
    """Serve until told to stop; options: the command's.

    Raises FeedError, ImportFileError or ValueError for what cannot be served, OSError for a port.
    """
    scheduled = [parse_fault(text) for text in options["fault"]]
    plan = ExchangePlan(
        recordings,
        tuple(dict.fromkeys(parse_symbol(each) for each in options["symbols"])),
        speed=options["speed"],
        as_recorded=options["as_recorded"],
        loop=not options["once"],
    )
    exchange = FakeExchange(plan)
    for after_seconds, fault in scheduled:
        exchange.schedule(after_seconds, fault)
    port = options["port"]
    async with serving(exchange, port, options["candles"]):
        url = f"http://{HOST}:{port}"
        say(f"{url} serves {', '.join(exchange.symbols)}; EXCHANGE_URL={url}, faults: {url}/fake/")
        while not stopping():  # noqa: ASYNC110  (a signal sets no event of a loop)
            await asyncio.sleep(_LOOK_SECONDS)
