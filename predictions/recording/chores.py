"""What the recorder's process does beside its logs, each now and then: grading, sums, checkpoints.

A chore is run between steps of the recorders, so one run is short and goes on in the next. Read
by the recording loop.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Chore(Protocol):
    """One duty. Where Redis or the database is away, `run` raises what they raise."""

    @property
    def name(self) -> str:
        """Its key in the heartbeat's detail."""

    @property
    def every_seconds(self) -> float:
        """How long it rests after a run that found nothing more to do."""

    def run(self) -> bool:
        """Do a short piece; return whether more is waiting."""

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells of it."""


@dataclass(slots=True)
class ChoreRota:
    """Runs the chores that are due, in turn."""

    chores: Sequence[Chore]
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, float] = field(init=False, default_factory=dict)

    def run(self) -> bool:
        """Run one piece of each chore that is due; return whether any has more waiting."""
        waiting = False
        for chore in self.chores:
            now = self.clock()
            if now < self._due.get(chore.name, float("-inf")):
                continue
            # Set first: a chore that raises is not tried again at once.
            self._due[chore.name] = now + chore.every_seconds
            if chore.run():
                self._due[chore.name] = now
                waiting = True
        return waiting

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells of all of them."""
        return {chore.name: chore.detail() for chore in self.chores}
