"""The newest entries of one speaker in `log:forecasts`, which several share.

Read by the forecast loop at a takeover, and by the shadows at a start.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from inference.forecasts.entry import TickEntry
from inference.handover.chain import EntryFormatError

PAGE = 8
"""Entries of one read: of 500 symbols some 150 KB each."""
MOST_PAGES = 64
"""Where the speaker's newest entry is not known, it is looked for among so many pages."""

Page = Callable[[str, int], Awaitable[Sequence[tuple[Any, bytes | None]]]]
"""Given the newest id that may be read and how many entries: ids and packed entries, the newest
first, as XREVRANGE has them."""


async def recent_entries(
    page: Page, newest: str, *, venue: str, shard: int, count: int
) -> list[TickEntry]:
    """Return the last `count` entries of a shard in a venue, the newest last.

    newest: the stream id of the shard's newest entry; "" where it is not known.
    """
    found: list[TickEntry] = []
    last = newest or "+"
    for _ in range(MOST_PAGES):
        rows = await page(last, PAGE)
        entries = [entry for _, packed in rows if (entry := _read(packed)) and entry.venue == venue]
        for entry in entries:
            if entry.shard == shard:
                found.append(entry)
                if len(found) == count or entry.tick <= found[0].tick - count:
                    return found[::-1]
        if len(rows) < PAGE or (found and _all_before(entries, found[0].tick - 2 * count)):
            break
        last = f"({_text(rows[-1][0])}"
    return found[::-1]


def _all_before(entries: Sequence[TickEntry], tick: int) -> bool:
    # Whoever speaks late does so within the horizon, which `count` ticks cover. In a market that
    # waits for nobody one may be later still: a single entry does not tell where the past begins.
    return bool(entries) and all(entry.tick <= tick for entry in entries)


def _read(packed: bytes | None) -> TickEntry | None:
    try:
        return None if packed is None else TickEntry.unpack(packed)
    except EntryFormatError:
        return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
