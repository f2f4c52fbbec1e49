"""By how much counters grew within the last minute: whether something goes on, or is over."""

from collections import deque
from collections.abc import Mapping

SECONDS = 60


class LastMinute:
    """Ask once a second."""

    def __init__(self) -> None:
        self._before: deque[dict[str, int]] = deque([{}], maxlen=SECONDS)

    def grown(self, counters: Mapping[str, int]) -> dict[str, int]:
        """Return what grew since a minute ago, and by how much."""
        then = self._before[0]
        self._before.append(dict(counters))
        grown = {name: count - then.get(name, 0) for name, count in counters.items()}
        return {name: count for name, count in grown.items() if count > 0}
