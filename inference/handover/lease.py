"""Who leads: one loop of an engine speaks, the others wait and take over within 4 s."""

import os
import secrets
import socket
from dataclasses import dataclass

from inference.handover import scripts
from inference.handover.connections import AnyClient
from market import keys

TTL_MS = 3_000
"""A leader that did not renew for this long has lost the lead."""

RETRY_SECONDS = 0.5
"""How often a standby asks. With the TTL this keeps a takeover below two ticks of 2 s."""

RENEW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is ours until it expires. value: what Redis holds, `<token>:<owner>`."""

    token: int
    value: str


class Lease:
    """One engine's lease for one shard."""

    def __init__(self, client: AnyClient, engine: str, *, shard: int, cluster: bool) -> None:
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.key = keys.lease(engine, shard, cluster=cluster)
        last = keys.lease_last(engine, shard, cluster=cluster)
        self._keys = [self.key, last]
        self._acquire = client.register_script(scripts.ACQUIRE)
        self._renew = client.register_script(scripts.RENEW)
        self._release = client.register_script(scripts.RELEASE)

    async def acquire(self) -> Held | None:
        """Take the lease if it is free; None where another loop holds it."""
        taken, text = await self._acquire(keys=self._keys, args=[self.owner, TTL_MS])
        if not taken:
            return None
        token = int(text)
        return Held(token, f"{token}:{self.owner}")

    async def renew(self, held: Held) -> bool:
        """Prolong the lease; False where it is ours no longer."""
        return bool(await self._renew(keys=[self.key], args=[held.value, TTL_MS]))

    async def release(self, held: Held) -> None:
        """Give the lease back at once, so that a standby need not wait for its end."""
        await self._release(keys=[self.key], args=[held.value])
