"""What the signal loop says of itself: the detail of its heartbeat, `health:signals`."""

from dataclasses import asdict, dataclass, field
from typing import Any

from inference.signals.entry import BatchEntry
from inference.signals.signal import iso


@dataclass(slots=True)
class TimeframeStatus:
    """One timeframe's last round. Counts over symbols; candle_open is null before the first.

    signals: those that stood already when this process took the round up are among them.
    """

    candle_open: str | None = None
    signals: int = 0
    errors: int = 0
    waiting: int = 0


@dataclass(slots=True)
class SignalStatus:
    """Everything the heartbeat tells; written by the loop.

    problem: why no signal is made. unheard: why candles are looked for by the clock alone.
    refused: model files that are not served, as path, code and message. models: what is loaded:
    timeframe, version, role, digest, and for how many coins.
    """

    leading: bool = False
    redis_connected: bool = False
    problem: str = ""
    unheard: str = ""
    refused: list[dict[str, str]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    venue: str | None = None
    live: bool | None = None
    batches: int = 0
    signals: int = 0
    errors: int = 0
    missed: int = 0
    last_batch: str | None = None
    timeframes: dict[str, TimeframeStatus] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """healthy; degraded (some timeframe's newest candle has no signal at all, and reasons
        for that; a model file is refused; candles cannot be heard of); unhealthy (makes none);
        standby; starting."""
        if not self.redis_connected or self.problem:
            return "unhealthy"
        if not self.leading:
            return "standby"
        if self.venue is None:
            return "starting"
        mute = [each for each in self.timeframes.values() if each.errors and not each.signals]
        return "degraded" if mute or self.refused or self.unheard else "healthy"

    def follow(self, venue: str, live: bool) -> None:
        """Take in that another market is followed."""
        self.venue, self.live = venue, live
        self.timeframes.clear()

    def begin_round(self, timeframe: str, open_ms: int, symbols: int, waiting: int) -> None:
        """Take in that a candle has closed, for which `waiting` of the coins have no signal yet."""
        self.timeframes[timeframe] = TimeframeStatus(
            iso(open_ms), signals=symbols - waiting, waiting=waiting
        )

    def add(self, entry: BatchEntry, wall_ms: float, waiting: int) -> None:
        """Take in a batch that was written at wall_ms (UTC)."""
        if round_ := self.timeframes.get(entry.timeframe):
            round_.signals += sum(not said.revision for said in entry.signals)
            round_.errors += len(entry.gaps)
            round_.waiting = waiting
        self.batches += 1
        self.signals += len(entry.signals)
        self.errors += len(entry.gaps)
        self.missed += entry.missed
        self.last_batch = iso(wall_ms)

    def document(self) -> dict[str, Any]:
        """Return the heartbeat's detail."""
        return {"status": self.status} | asdict(self)
