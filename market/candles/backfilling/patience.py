"""Asks again where an exchange does not answer: backs off, and obeys what it asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from market.backoff import Backoff
from market.feeds.live.link import LinkError

MOST_ATTEMPTS = 6
"""At one question."""

LONGEST_WAIT_SECONDS = 600.0
"""Who wants to be left alone for longer (a ban) is left alone: the run ends."""

Answer = TypeVar("Answer")


class ExchangeAwayError(Exception):
    """The run ends here; another one, later, goes on. The caller tells the user."""


@dataclass(frozen=True, slots=True)
class Patience:
    """name: of the exchange. say: tells the user what is waited for."""

    name: str
    say: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer, at last.

        Raises LinkError where none came after MOST_ATTEMPTS, and ExchangeAwayError.
        """
        backoff, attempts = Backoff(), 0
        while True:
            try:
                return await question()
            except LinkError as error:
                attempts += 1
                if attempts >= MOST_ATTEMPTS:
                    raise
                wait_seconds = error.wait_seconds or backoff.next_seconds()
                if wait_seconds > LONGEST_WAIT_SECONDS:
                    raise ExchangeAwayError(
                        f"{self.name} asks to be left alone for {wait_seconds:.0f} s: {error}"
                    ) from error
                self.say(f"{error}; asking again in {wait_seconds:.1f} s")
                await self.sleep(wait_seconds)
