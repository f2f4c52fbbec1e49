"""The specification's memory pressure: above 80 % of the limit, give back and say so."""

import psutil
import structlog

CHECK_EVERY_TICKS = 15
RELIEF_EVERY_TICKS = 150
"""Dropping caches again at once would free nothing more."""

SHARE = 0.8

log = structlog.get_logger(__name__)


class MemoryWatch:
    """Looks at this process's resident memory now and then."""

    def __init__(self, limit_mb: int) -> None:
        self._limit_mb = limit_mb
        self._process = psutil.Process()
        self._relieved_at = -RELIEF_EVERY_TICKS
        self.pressed = False
        self.resident = 0

    def look(self, tick_count: int) -> bool:
        """Measure where it is time to; return whether caches must be dropped now."""
        if tick_count % CHECK_EVERY_TICKS:
            return False
        self.resident = self._process.memory_info().rss
        self.pressed = self.resident > SHARE * self._limit_mb * 1024 * 1024
        if not self.pressed or tick_count - self._relieved_at < RELIEF_EVERY_TICKS:
            return False
        self._relieved_at = tick_count
        log.error("memory_pressure", resident_mb=self.resident >> 20, limit_mb=self._limit_mb)
        return True
