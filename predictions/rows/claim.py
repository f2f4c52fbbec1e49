"""What an entry says of itself, which the recorder's admission judges."""

from typing import NamedTuple


class Claim(NamedTuple):
    """What an entry says of itself. said_ms: the newest market time that it speaks of as come;
    made_ms: the market time at which it was made."""

    venue: str
    live: bool
    said_ms: int
    made_ms: int
