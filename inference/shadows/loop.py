"""The shadows of one engine: follow its leader's log, and let each version on trial answer.

Another process may do the same: one of them speaks, the other stands by. Read by the process.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from inference.artefacts.versions import Slot
from inference.handover.connections import AnyClient
from inference.handover.leading import Lead
from inference.handover.lease import RENEW_SECONDS, RETRY_SECONDS
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.log_following import BLOCK_MS, Entry, LogFollower
from inference.shadows.status import ShadowStatus, State, VoiceStatus
from inference.shadows.trials import Trials
from inference.shadows.voice import Answering, Voice
from market.redis_policy import require_noeviction_async

log = structlog.get_logger(__name__)

RELOAD_SECONDS = {State.REFUSED: 60.0, State.TOO_SLOW: 3_600.0}
"""After how long a version that was set aside is tried again: files may be mended, a slow network
is slow for good."""

EntryT = TypeVar("EntryT")


class Hearing(Protocol[EntryT]):
    """What the engines differ in."""

    @property
    def engine(self) -> str: ...

    def hear(self, entry: Entry) -> EntryT | None:
        """Read an entry of the log; None where it is not the leader's, or none at all."""
        ...

    def concerns(self, slot: Slot, entry: EntryT) -> bool:
        """Return whether versions of a slot have something to say of it."""
        ...

    def load(
        self, slot: Slot, version: str, folder: Path, status: VoiceStatus
    ) -> Answering[EntryT]:
        """Load a version; called in a thread. Raises ArtefactError."""
        ...


class ShadowLoop(Generic[EntryT]):
    """Runs until cancelled. may_lead: whether this process may speak for this engine."""

    def __init__(
        self,
        hearing: Hearing[EntryT],
        *,
        client: AnyClient,
        lead: Lead,
        writer: ChainWriter,
        follower: LogFollower,
        status: ShadowStatus,
        may_lead: Callable[[], bool] = lambda: True,
    ) -> None:
        self.voices: dict[tuple[Slot, str], Voice[EntryT]] = {}
        self.lead = lead
        self._hearing = hearing
        self._client = client
        self._writer = writer
        self._follower = follower
        self._status = status
        self._may_lead = may_lead
        self._policy_known = False
        self._tried_at: dict[tuple[Slot, str], float] = {}

    async def follow_trials(self, wanted: Trials) -> None:
        """Begin with the versions that are new on trial, and end those that are no more."""
        for name in [name for name in self.voices if name not in wanted]:
            await self._end(name)
        now = asyncio.get_running_loop().time()
        for name, folder in wanted.items():
            voice, old = self.voices.get(name), None
            if voice is not None:
                old = voice.status
                patience = RELOAD_SECONDS.get(old.state)
                if patience is None or now - self._tried_at[name] < patience:
                    continue
                await self._end(name)
            self._tried_at[name] = now
            self._begin(name, folder, old)

    async def step(self, block_ms: int = BLOCK_MS) -> int:
        """Take the lead, or hand on what the leader said meanwhile; return how many entries.

        Raises redis.RedisError.
        """
        if self.lead.held is not None and not self._may_lead():
            await self.lead.give_back()
            self._status.led.discard(self._hearing.engine)
        if self.lead.held is None and not await self._stand_by():
            return 0
        entries = await self._follower.read(block_ms)
        self._status.problems[self._hearing.engine] = self._follower.problem
        heard = 0
        for entry in entries:
            said = self._hearing.hear(entry)
            if said is None:
                continue
            heard += 1
            for (slot, _), voice in self.voices.items():
                if self._hearing.concerns(slot, said):
                    voice.offer(said)
        return heard

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until stopped, whatever becomes of Redis; the lease is renewed meanwhile."""
        renewing = asyncio.create_task(self._keep_lease())
        try:
            while not stopping():
                try:
                    await self.step()
                except RedisError as error:
                    log.debug("shadows_wait", engine=self._hearing.engine, error=str(error))
                    self._voices_forget()
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            renewing.cancel()
            await self.close()

    async def close(self) -> None:
        """Let another process speak at once."""
        for name in list(self.voices):
            await self._end(name)
        await self.lead.give_back()

    async def _stand_by(self) -> bool:
        if not self._policy_known:
            await require_noeviction_async(self._client)
            self._policy_known = True
        if not self._may_lead() or await self.lead.take() is None:
            await asyncio.sleep(RETRY_SECONDS)
            return False
        # What came before was another's to answer.
        self._follower.lose_place()
        self._writer.forget()
        self._voices_forget()
        # The place is settled before anybody is told, so that nothing said from now on is missed.
        await self._follower.settle()
        self._status.led.add(self._hearing.engine)
        for voice in self.voices.values():
            voice.offer(None)
        return True

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.lead.renew()
            except RedisError as error:
                log.debug("lease_not_renewed", error=str(error))

    def _begin(self, name: tuple[Slot, str], folder: Path, old: VoiceStatus | None) -> None:
        slot, version = name
        status = VoiceStatus(str(slot), version)
        if old is not None:  # what was wrong with it is, until it speaks
            status.code, status.message = old.code, old.message
        self._status.voices[str(slot), version] = status
        self.voices[name] = Voice(
            status,
            lambda: self._hearing.load(slot, version, folder, status),
            held=lambda: self.lead.held,
            lose=self._lose,
        )

    async def _end(self, name: tuple[Slot, str]) -> None:
        await self.voices.pop(name).close()
        self._status.voices.pop((str(name[0]), name[1]), None)

    def _lose(self, why: str) -> None:
        if self.lead.held is not None:
            self.lead.lose(why)

    def _voices_forget(self) -> None:
        for voice in self.voices.values():
            voice.forget()
