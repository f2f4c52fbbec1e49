"""The event loop of a live market, in a thread of its own: links and the feed live on it."""

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

ResultT = TypeVar("ResultT")

SWITCH_SECONDS = 0.0005
"""The pump computes features in another thread. By default a thread that computes keeps the
interpreter for 5 ms at a time, so that a frame that arrives would wait as long for its stamp."""

_CLOSING_SECONDS = 3.0


class LoopThread:
    """Runs until `close`. Everything of a live market but the pump happens in it."""

    def __init__(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, ResultT]) -> "Future[ResultT]":
        """Run a coroutine on the loop; from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, work: Coroutine[Any, Any, ResultT], seconds: float) -> ResultT:
        """Run a coroutine on the loop and wait for what it returns, from another thread.

        Raises TimeoutError after `seconds`; the coroutine is cancelled then.
        """
        future = self.submit(work)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel whatever runs on the loop, and end it."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.close()
