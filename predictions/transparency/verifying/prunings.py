"""What may be missing because it was pruned, as the ledger itself says for good."""

from dataclasses import dataclass, field

from predictions.models import Pruning

Of = tuple[str, str]
"""An engine, and a venue."""


@dataclass(slots=True)
class Prunings:
    """Reads what was pruned, and again where something is missing: pruning goes on meanwhile."""

    _before: dict[Of, int] = field(init=False, default_factory=dict)
    _open: set[Of] = field(init=False, default_factory=set)

    def covers(self, engine: str, venue: str, at_ms: int) -> bool:
        """Return whether what is of this market time may be gone."""
        if at_ms >= self._before.get((engine, venue), 0):
            self._read()
        return at_ms < self._before.get((engine, venue), 0)

    def going_on(self, engine: str, venue: str) -> bool:
        """Return whether one is under way: some of what it takes away may still be there."""
        self._read()
        return (engine, venue) in self._open

    def _read(self) -> None:
        rows = Pruning.objects.order_by().values_list("engine", "venue", "before_ts", "open")
        self._open.clear()
        for engine, venue, before_ts, is_open in rows:
            of = (engine, venue)
            self._before[of] = max(before_ts, self._before.get(of, 0))
            if is_open:
                self._open.add(of)
