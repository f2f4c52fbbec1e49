"""Asks one exchange, before there is a feed: does it answer, and which markets does it list?

Runs a loop of its own for as long as that takes; a feed gets a link of its own afterwards.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from market.exchanges import Exchange
from market.feeds.live.link import LinkError
from market.feeds.live.links import make_link
from market.feeds.live.markets import Markets

LIST_SECONDS = 30.0
"""The longest that an exchange which answers may take for its list of markets: megabytes."""

_LOOK_SECONDS = 0.1

AnswerT = TypeVar("AnswerT")


class StoppedError(Exception):
    """Told to stop while an exchange was being asked. Not an error: the caller ends."""


def ask_exchange(
    exchange: Exchange,
    url: str,
    wanted: Sequence[str],
    seconds: float,
    going_on: Callable[[], bool],
) -> Markets:
    """Return what the exchange says of the wanted symbols.

    seconds: how long it may take to answer at all. going_on: asked ten times a second.
    Raises LinkError where it does not answer, FeedError where it lists none of them, and
    StoppedError as soon as going_on says no.
    """
    # Not asyncio.run: it would wait for as long as a broken resolver looks for a name.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_ask(exchange, url, wanted, seconds, going_on))
    finally:
        loop.close()


async def _ask(
    exchange: Exchange,
    url: str,
    wanted: Sequence[str],
    seconds: float,
    going_on: Callable[[], bool],
) -> Markets:
    asking = asyncio.ensure_future(_listed(exchange, url, wanted, seconds))
    try:
        while not asking.done():
            if not going_on():
                raise StoppedError
            await asyncio.wait({asking}, timeout=_LOOK_SECONDS)
    finally:
        asking.cancel()
        await asyncio.wait({asking})
    return asking.result()


async def _listed(exchange: Exchange, url: str, wanted: Sequence[str], seconds: float) -> Markets:
    link = make_link(exchange, url)
    try:
        await _within(seconds, link.server_time_ms(), exchange.name)
        found = await _within(LIST_SECONDS, link.listings(), exchange.name)
    finally:
        await link.close()
    return Markets(exchange.name, wanted, found, time.time() * 1e3)


async def _within(seconds: float, question: Coroutine[Any, Any, AnswerT], name: str) -> AnswerT:
    try:
        return await asyncio.wait_for(question, seconds)
    except TimeoutError as error:
        raise LinkError(f"{name} did not answer within {seconds:.1f} s") from error
