"""When a candle that has arrived is due for the store: the desk's waiting room.

An exchange's clock may run ahead of ours, and trades may be rolled up before the exchange's own
candle comes. Both wait here, in market time, so that a signal is made once, of the truth.
"""

from collections.abc import Iterator
from dataclasses import replace

from market.candles.writing import Delivery

AHEAD_MS = 5_000
"""An exchange may close a candle so long before our clock does; what is further off is refused."""

TOLD_PATIENCE_MS = 5_000
"""Where the exchange tells candles, a rolled-up one waits so long after its close for its own."""


class Arrivals:
    """Put deliveries of single candles in; take out those that are due."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Delivery]] = []
        self._told: set[str] = set()

    def tell(self, delivery: Delivery) -> None:
        """Take in a candle that the exchange says has closed."""
        self._told.add(delivery.symbol)
        close_ms = _close_ms(delivery)
        ahead_ms = close_ms - delivery.now_ms
        self._waiting.append((close_ms if ahead_ms <= AHEAD_MS else 0, delivery))

    def roll_up(self, delivery: Delivery) -> None:
        """Take in a candle that was made of trades."""
        told = delivery.symbol in self._told
        self._waiting.append((_close_ms(delivery) + TOLD_PATIENCE_MS if told else 0, delivery))

    def due(self, now_ms: int) -> Iterator[Delivery]:
        """Yield what is due at `now_ms`, in the order of arrival; it is forgotten here."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for due_ms, delivery in waiting:
            if due_ms <= now_ms:
                yield replace(delivery, now_ms=now_ms)
            else:
                self._waiting.append((due_ms, delivery))


def _close_ms(delivery: Delivery) -> int:
    return int(delivery.candles.open_ms[0]) + delivery.timeframe.ms
