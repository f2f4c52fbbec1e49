"""The fields of the hash `retraining`: each is written and read alike, whatever it tells of.

Read by `told` and `told_watches`.
"""

from typing import TypeVar

import msgspec

from market import keys


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What every field says: of which market it is, and when it was made (wall time)."""

    venue: str
    live: bool
    made_ms: int


Told = TypeVar("Told", bound=Field)


def decoded(text: object, kind: type[Told]) -> Told | None:
    """Read a field; None where it is absent or unreadable."""
    if not isinstance(text, str | bytes):
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def fresh(text: object, kind: type[Told], now_ms: int) -> Told | None:
    """Read a field; None where it is so old that nothing is known. now_ms: wall time.

    The hash is kept alive by whoever writes another field of it.
    """
    told = decoded(text, kind)
    is_fresh = told is not None and now_ms - told.made_ms < keys.RETRAINING_SECONDS * 1000
    return told if is_fresh else None
