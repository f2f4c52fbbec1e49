"""The newest signal of each coin and timeframe, and whether bots were told that it is over.

Read by the publisher: what a broker that comes back has to hear, and what has to be withdrawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.signals.entry import Said
from market.candles.timeframes import Timeframe
from predictions.mqtt.messages import StandAside, stand_aside

Slot = tuple[str, Timeframe]


@dataclass(slots=True)
class Board:
    """Bounded by coins times timeframes."""

    _newest: dict[Slot, Said] = field(default_factory=dict)
    _entered: set[Slot] = field(default_factory=set)

    def take(self, said: Said) -> bool:
        """Keep the signal; return whether it is newer than what was held."""
        slot = (said.signal.symbol, said.signal.timeframe)
        held = self._newest.get(slot)
        if held is not None and _order(said) <= _order(held):
            return False
        self._newest[slot] = said
        return True

    def told(self, said: Said, aside: StandAside) -> None:
        """Remember what bots were told of it."""
        slot = (said.signal.symbol, said.signal.timeframe)
        if aside:
            self._entered.discard(slot)
        else:
            self._entered.add(slot)

    def over(self, now_ms: float) -> list[Said]:
        """Return the signals that bots may still act on and should not, at UTC now."""
        return [said for said in self.entered() if stand_aside(said, now_ms)]

    def entered(self) -> Iterator[Said]:
        """Yield the signals that bots were told to act on."""
        return (self._newest[slot] for slot in sorted(self._entered))

    def __iter__(self) -> Iterator[Said]:
        return iter(list(self._newest.values()))


def _order(said: Said) -> tuple[int, int]:
    return said.signal.candle_close_ms, said.revision
