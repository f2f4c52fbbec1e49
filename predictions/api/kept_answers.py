"""Answers kept while the ledger that they are of has not grown. Read by `/api/accuracy`.

A record of many signals takes a second to add up, and each open page asks for it every minute;
signals come every quarter of an hour. Rows are only ever appended, so that their number tells
whether an answer still holds. (Not the newest's id: of two recorders the later may commit first.)
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from predictions.models import Signal, SignalOutcome

MOST_ANSWERS = 64
"""Of some 150 kB at most."""


class KeptAnswers:
    """Answers by question; the one that was asked for longest ago goes first."""

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, tuple[Hashable, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, asked: Hashable, state: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the answer of that state of the ledger, made where it is not kept."""
        with self._lock:
            kept = self._answers.get(asked)
            if kept is not None and kept[0] == state:
                self._answers.move_to_end(asked)
                return kept[1]
        made = make()
        with self._lock:
            self._answers[asked] = (state, made)
            self._answers.move_to_end(asked)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made

    def forget(self) -> None:
        """Forget all; for tests, whose ledgers begin anew."""
        with self._lock:
            self._answers.clear()


answers = KeptAnswers()


def signals_said_and_graded() -> tuple[int, int]:
    """Return how many signals and outcomes the ledger holds."""
    return Signal.objects.count(), SignalOutcome.objects.count()
