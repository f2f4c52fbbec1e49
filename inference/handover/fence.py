"""How a fenced write ended, and where it is heard. Read by both engines' publishers."""

from enum import StrEnum
from typing import Any

from inference.handover.chain import ChainHead
from market import keys

CHANNEL = f"asgi__group__{keys.PREDICTIONS_GROUP}"
"""Where channels_redis's pub/sub layer listens for the group; a test holds it to that."""


class Written(StrEnum):
    """How a write ended."""

    WRITTEN = "written"
    DONE = "done"  # that tick is in the log already
    LOST = "lost"  # the lease is another's
    HEAD = "head"  # the chain's head is not the expected one
    REFUSED = "refused"  # Redis refused the script (out of memory, say)


class LeaseLostError(Exception):
    """Another loop leads now. This one goes back to standing by."""


def read_outcome(reply: Any) -> tuple[Written, Any]:
    """Return what the script answered: WRITTEN (entry id), HEAD or DONE (a ChainHead), LOST
    (who holds the lease)."""
    kind, *rest = [part.decode() if isinstance(part, bytes) else part for part in reply]
    written = Written(kind)
    if written in (Written.HEAD, Written.DONE):
        return written, ChainHead(rest[0], int(rest[1]) if rest[1] else -1)
    return written, rest[0]
