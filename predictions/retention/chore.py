"""Pruning as what the recorder's process does beside its logs."""

from dataclasses import dataclass, field
from typing import Any

from predictions.retention.pruning import Hour, Pruner, venues

EVERY_SECONDS = 600.0


@dataclass(slots=True)
class PruningChore:
    """Takes a part of an hour a run, while there is one that is old enough."""

    pruner: Pruner
    every_seconds: float = EVERY_SECONDS
    name: str = "pruning"
    _pruned: int = field(init=False, default=0)
    _kept: int = field(init=False, default=0)
    _hour: Hour | None = field(init=False, default=None)

    def run(self) -> bool:
        """Prune once; return whether anything was found."""
        hour = self._hour or self._next()
        if hour is None:
            return False
        gone = self.pruner.prune(hour)
        self._pruned += gone
        left = hour.rows - gone
        self._hour = hour._replace(rows=left) if gone and left > 0 else None
        return True

    def detail(self) -> dict[str, Any]:
        """Return how many forecasts went, and how many old hours must stay for now."""
        return {"forecasts": self._pruned, "kept_hours": self._kept}

    def _next(self) -> Hour | None:
        self._kept = 0
        for venue in venues() if self.pruner.days else ():
            for hour in self.pruner.hours(venue):
                if not hour.kept_because:
                    return hour
                self._kept += 1
        return None
