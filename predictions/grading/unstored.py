"""Which missing prices may still come: with entries that a recorder took and has not stored.

Several recorders share a log, so what follows may be stored before what went before. Read by the
grading of forecasts.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from predictions.grading.forecast_outcomes import Target

EntryId = tuple[int, int]
"""Of an entry in the log; what was written later is greater."""


class Unstored(Protocol):
    """What waits at the recorders of a log."""

    def oldest_unstored(self, besides: Collection[str]) -> EntryId | None: ...

    def newest_taken(self) -> EntryId: ...


@dataclass(slots=True)
class Waits:
    """The missing prices of one venue, and up to which entry each is waited for.

    That is the newest entry taken when the price was first missed: what is taken later does not
    prolong it, and each entry is stored in the end, by another recorder if need be.
    """

    _until: dict[Target, EntryId] = field(init=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self._until)

    def for_entries(
        self, log: Unstored, missing: set[Target], storing: Collection[str]
    ) -> set[Target]:
        """Return those of the missing that an unstored entry, besides `storing`, may bring."""
        before, self._until = self._until, {}
        oldest = log.oldest_unstored(storing) if missing else None
        if oldest is not None:
            newest = log.newest_taken() if missing - before.keys() else oldest
            marks = {target: before.get(target, newest) for target in missing}
            self._until = {target: mark for target, mark in marks.items() if mark >= oldest}
        return set(self._until)
