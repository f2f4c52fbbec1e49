"""One version on trial beside the others: what it is to answer waits in a queue of its own.

So that a slow one delays nobody: it is measured, its queue drops the oldest, and where it stays
too slow it is set aside and says so. Read by the loop of an engine's shadows.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from inference.artefacts.errors import ArtefactError, Refusal
from inference.handover.fence import LeaseLostError
from inference.handover.lease import Held
from inference.shadows.status import State, VoiceStatus
from inference.signals.moment import UnreadableClockError

WAITING = 8
"""Entries that wait for a version at most; the oldest is dropped, it would be said last."""

HUNG_SECONDS = 10.0
"""Its run ends after a second more of computing: `inference.artefacts.session`."""
SLOW_ANSWERS = 10
"""So many in a row that take longer than a tick may, and the version is set aside."""

log = structlog.get_logger(__name__)

EntryT = TypeVar("EntryT", contravariant=True)
OwnT = TypeVar("OwnT")


class TooSlowError(Exception):
    """A version takes longer than any tick may."""


class Answering(Protocol[EntryT]):
    """What a version does with one entry of the leader's, once it is loaded."""

    async def answer(self, entry: EntryT, held: Held) -> None:
        """Say what the version says of it, or count why not.

        Raises LeaseLostError, redis.RedisError, UnreadableClockError, TooSlowError.
        """
        ...

    async def catch_up(self, held: Held) -> None:
        """Answer what was said before this process spoke, where that may still be answered."""
        ...

    def forget(self) -> None:
        """Drop all memory: another process may have spoken meanwhile."""
        ...


class Voice(Generic[OwnT]):
    """Loads a version and lets it answer, in a task of its own. load: called in a thread."""

    def __init__(
        self,
        status: VoiceStatus,
        load: Callable[[], Answering[OwnT]],
        held: Callable[[], Held | None],
        lose: Callable[[str], None],
    ) -> None:
        self.status = status
        self._load = load
        self._held = held
        self._lose = lose
        self._queue: asyncio.Queue[OwnT | None] = asyncio.Queue(WAITING)
        self._answering: Answering[OwnT] | None = None
        self._busy = False
        self._task = asyncio.create_task(self._run())

    @property
    def idle(self) -> bool:
        """Return whether it is loaded, nothing waits and nothing is being said."""
        return self._answering is not None and self._queue.empty() and not self._busy

    def offer(self, entry: OwnT | None) -> None:
        """Hand over what the leader said; None: look for what was said before."""
        if self._answering is None:
            return
        if self._queue.full():
            self._queue.get_nowait()
            self.status.skip("behind")
        self._queue.put_nowait(entry)
        self.status.behind = self._queue.qsize()

    def forget(self) -> None:
        """Drop what waits and what is remembered: another process speaks, or Redis is new."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self.status.behind = 0
        if self._answering is not None:
            self._answering.forget()

    async def close(self) -> None:
        """End, in the middle of an answer if need be: what is not written was not said."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            self._answering = await asyncio.to_thread(self._load)
        except ArtefactError as error:
            slow = error.code is Refusal.TOO_SLOW
            state = State.TOO_SLOW if slow else State.REFUSED
            self._set_aside(state, error.code.value, error.told)
            return
        except Exception as error:  # a network of anybody's must not end the others' trial
            log.exception("shadow_not_loaded", version=self.status.version)
            self._set_aside(State.REFUSED, "not_loaded", str(error))
            return
        self.status.state = State.SPEAKING
        self.status.code = self.status.message = ""
        self.offer(None)
        log.info("shadow_loaded", slot=self.status.slot, version=self.status.version)
        while self._answering is not None:
            entry = await self._queue.get()
            self._busy = True
            await self._one(self._answering, entry)
            self._busy = False
            self.status.behind = self._queue.qsize()

    async def _one(self, answering: Answering[OwnT], entry: OwnT | None) -> None:
        held = self._held()
        if held is None:
            return
        try:
            if entry is None:
                await answering.catch_up(held)
            else:
                await answering.answer(entry, held)
        except LeaseLostError as error:
            self._lose(str(error))
        except (RedisError, UnreadableClockError) as error:
            self.status.skip("redis_away")
            log.debug("shadow_not_written", version=self.status.version, error=str(error))
            answering.forget()
        except TooSlowError as error:
            self._set_aside(State.TOO_SLOW, State.TOO_SLOW.value, str(error))
        except Exception:
            self.status.skip("failed")
            log.exception("shadow_failed", version=self.status.version)

    def _set_aside(self, state: State, code: str, message: str) -> None:
        self._answering = None
        self.status.state, self.status.code, self.status.message = state, code, message
        log.error(
            "shadow_set_aside",
            slot=self.status.slot,
            version=self.status.version,
            code=code,
            message=message,
        )


class Pace:
    """Measures answers, and tells when a version is too slow for good."""

    def __init__(self, limit_ms: float) -> None:
        self._limit_ms = limit_ms
        self._slow = 0

    def take(self, milliseconds: float) -> None:
        """Take in how long one answer was computed for. Raises TooSlowError."""
        self._slow = self._slow + 1 if milliseconds > self._limit_ms else 0
        if self._slow >= SLOW_ANSWERS:
            raise TooSlowError(
                f"its last {self._slow} answers took more than {self._limit_ms:g} ms of computing "
                f"each, the last one {milliseconds:.0f} ms"
            )


def elapsed_ms(since_ns: int) -> float:
    """Return ms since a `time.perf_counter_ns`."""
    return (time.perf_counter_ns() - since_ns) / 1e6
