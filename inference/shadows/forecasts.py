"""The shadows of the forecast loop: which entries they answer, and how a version is loaded."""

from pathlib import Path

from inference.artefacts.registry import Registry
from inference.artefacts.versions import Slot
from inference.config import ServiceConfig
from inference.forecasts.entry import TickEntry
from inference.handover.chain import EntryFormatError
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.forecast_voice import ForecastVoice, load_speaker
from inference.shadows.log_following import Entry, LogFollower
from inference.shadows.market_clock import MarketClock
from inference.shadows.shards import shard_of
from inference.shadows.status import VoiceStatus
from inference.vocabulary import FORECASTS, Role


class ForecastHearing:
    """Hears the leading forecast loop; see `Hearing`."""

    engine = FORECASTS

    def __init__(
        self,
        *,
        config: ServiceConfig,
        registry: Registry,
        rows: int,
        writer: ChainWriter,
        clock: MarketClock,
        follower: LogFollower,
    ) -> None:
        self._config = config
        self._registry = registry
        self._rows = rows
        self._writer = writer
        self._clock = clock
        self._follower = follower

    def hear(self, entry: Entry) -> TickEntry | None:
        try:
            said = TickEntry.unpack(entry[1])
        except EntryFormatError:
            return None  # the recorder sets it aside, and says so
        if said.role == Role.SHADOW:
            return None
        self._clock.heard(said.venue, said.tick_ms)
        return said

    def concerns(self, slot: Slot, entry: TickEntry) -> bool:
        return True

    def load(self, slot: Slot, version: str, folder: Path, status: VoiceStatus) -> ForecastVoice:
        return ForecastVoice(
            load_speaker(version, folder, self._config, self._registry, self._rows),
            shard_of(slot, version),
            config=self._config,
            writer=self._writer,
            clock=self._clock,
            before=self._follower.before,
            status=status,
        )
