"""The sockets that follow the same symbols: each frame is made once for all of them.

Read by the hub.
"""

from collections.abc import Iterator

from dashboard.outbox import Frame
from dashboard.subscriber import Subscriber

Choice = tuple[bool, tuple[str, ...]]


class Audience:
    """single: they are on the path of one symbol, and their frames carry one object."""

    def __init__(self, symbols: tuple[str, ...], *, single: bool) -> None:
        self.symbols = symbols
        self.watched = frozenset(symbols)
        self.single = single
        self.members: dict[Subscriber, None] = {}

    def offer(self, frame: Frame) -> None:
        for subscriber in self.members:
            subscriber.offer(frame)


class Audiences:
    """All sockets of the process, by what they follow."""

    def __init__(self) -> None:
        self._audiences: dict[Choice, Audience] = {}

    def __iter__(self) -> Iterator[Audience]:
        return iter(self._audiences.values())

    def add(self, subscriber: Subscriber) -> None:
        choice = _choice(subscriber)
        audience = self._audiences.get(choice)
        if audience is None:
            audience = Audience(subscriber.symbols, single=subscriber.single)
            self._audiences[choice] = audience
        audience.members[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        choice = _choice(subscriber)
        audience = self._audiences.get(choice)
        if audience is None:
            return
        audience.members.pop(subscriber, None)
        if not audience.members:
            del self._audiences[choice]

    def clear(self) -> None:
        self._audiences.clear()

    def followed(self) -> frozenset[str]:
        """Return every symbol that somebody follows."""
        return frozenset().union(*(each.watched for each in self))


def _choice(subscriber: Subscriber) -> Choice:
    return subscriber.single, subscriber.symbols
