"""What Redis holds of the rollback watches: the field `rollback` of `retraining`.

Written by the recorder's chore each minute; read by the web process for `/metrics` and the alerts.
"""

from enum import StrEnum

import msgspec

from predictions.promotion.retraining_fields import Field, decoded, fresh

ROLLBACK_FIELD = "rollback"


class Standing(StrEnum):
    """What a watch does about its champion."""

    WATCHING = "watching"
    FROZEN = "frozen"
    """It loses, but only a person may change what serves."""
    NOTHING_BEFORE = "nothing_before"
    """It loses, and there is no earlier version to go back to."""
    REFUSED = "refused"
    """It loses, and going back failed; why is in `problem`."""


class WatchTold(msgspec.Struct, frozen=True, kw_only=True):
    """One champion's watch. The fields: `predictions.models.RollbackWatch`. Null is unknown."""

    slot: str
    version: str
    rival: str
    e_value: float
    highest: float
    threshold: float
    difference: float | None
    blocks: int
    decisions: int
    through_ms: int
    standing: Standing = Standing.WATCHING
    problem: str = ""


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback of the last day. at_ms: wall time."""

    slot: str
    version: str
    to: str
    why: str
    at_ms: int


class WatchesTold(Field, frozen=True, kw_only=True):
    """All watches of the market that runs, and what was rolled back of late."""

    watches: tuple[WatchTold, ...]
    rolled_back: tuple[RolledBack, ...]


def encode_watches(told: WatchesTold) -> bytes:
    """Return the field's value."""
    return msgspec.json.encode(told)


def decode_watches(text: object) -> WatchesTold | None:
    """Read the field; None where it is absent or unreadable."""
    return decoded(text, WatchesTold)


def fresh_watches(text: object, now_ms: int) -> WatchesTold | None:
    """Read the field; None where it is so old that nothing is known. now_ms: wall time.

    The hash is kept alive by `measure_drift`, whether the recorder watches or not.
    """
    return fresh(text, WatchesTold, now_ms)
