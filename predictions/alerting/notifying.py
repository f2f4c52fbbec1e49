"""One apprise address: any of a hundred services of messages. Read by the alerts' process.

apprise is synchronous: each try runs in a thread, of few, and has a limit. Each address has
threads of its own, so that one that does not answer delays no other.
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import apprise

from predictions.alerting.addresses import open_address
from predictions.models import Delivery
from predictions.outbox.sending import SendError
from predictions.outbox.targets import Target

TRY_SECONDS = 20.0
THREADS = 4
LONGEST_REASON = 300
SHORTEST_SECRET = 4


class TargetError(Exception):
    """An address is none that apprise knows. A person acts."""


class AppriseSender:
    """Notifies one address. Raises TargetError where apprise cannot read it."""

    def __init__(self, target: Target) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        self._secrets = _parts(target.url)
        opened = open_address(target.url)
        if opened is None:
            raise TargetError(f"apprise cannot read the address {target.shown}")
        self._apprise = opened

    async def send(self, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * TRY_SECONDS):
                await loop.run_in_executor(self._threads, self._notify, delivery.payload)
        except TimeoutError as error:
            raise SendError("no answer in time") from error

    async def close(self) -> None:
        """Nothing is kept open between tries."""

    def _notify(self, words: dict[str, str]) -> None:
        result = self._apprise.notify(
            body=words["body"],
            title=words["title"],
            notify_type=words["type"],
            body_format=apprise.NotifyFormat.TEXT,
            timeout=TRY_SECONDS,
        )
        if not result:
            entries = [entry.message for entry in result.logs() if entry.level != "DEBUG"]
            raise SendError(self._without_secrets(entries[-1] if entries else "not taken"))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:LONGEST_REASON]


def _parts(url: str) -> list[str]:
    # Whatever stands in the address may be the secret; the longest first, so that none is left
    # of a part that holds another.
    _, _, rest = url.partition("://")
    parts = {part for each in re.split(r"[/:@?&=,]", rest) for part in (each, unquote(each))}
    return sorted((part for part in parts if len(part) >= SHORTEST_SECRET), key=len, reverse=True)
