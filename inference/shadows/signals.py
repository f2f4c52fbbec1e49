"""The shadows of the signal loop: which batches they answer, and how a version is loaded."""

from pathlib import Path

from inference.artefacts.signal_loading import Loading
from inference.artefacts.signal_network import SignalNetwork, open_signal_network
from inference.artefacts.torch_conversion import TorchConverter
from inference.artefacts.versions import Slot
from inference.handover.chain import EntryFormatError
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.log_following import Entry, LogFollower
from inference.shadows.market_clock import MarketClock
from inference.shadows.shards import LEADERS, shard_of
from inference.shadows.signal_voice import SignalVoice, TrialNetwork
from inference.shadows.status import VoiceStatus
from inference.signals.entry import BatchEntry
from inference.signals.windows import Windows
from inference.vocabulary import SIGNALS


class SignalHearing:
    """Hears the leading signal loop; see `Hearing`."""

    engine = SIGNALS

    def __init__(
        self,
        *,
        windows: Windows,
        var_dir: Path,
        device: str,
        writer: ChainWriter,
        clock: MarketClock,
        follower: LogFollower,
    ) -> None:
        self._windows = windows
        self._var_dir = var_dir
        self._device = device
        self._writer = writer
        self._clock = clock
        self._follower = follower

    def hear(self, entry: Entry) -> BatchEntry | None:
        try:
            said = BatchEntry.unpack(entry[1])
        except EntryFormatError:
            return None  # the recorder sets it aside, and says so
        if said.shard != LEADERS:
            return None
        self._clock.heard(said.venue, said.made_ms)
        return said if said.signals else None

    def concerns(self, slot: Slot, entry: BatchEntry) -> bool:
        return slot.timeframe is entry.timeframe

    def load(self, slot: Slot, version: str, folder: Path, status: VoiceStatus) -> SignalVoice:
        if slot.timeframe is None:
            raise ValueError(f"{slot} has no timeframe")
        loading = Loading((), TorchConverter(self._var_dir / "converted"), self._open)
        return SignalVoice(
            TrialNetwork(version, folder, slot.timeframe, loading),
            shard_of(slot, version),
            slot.timeframe,
            windows=self._windows,
            writer=self._writer,
            clock=self._clock,
            before=self._follower.before,
            status=status,
        )

    def _open(self, content: bytes, digest: str, path: Path, symbols: int) -> SignalNetwork:
        return open_signal_network(content, digest, path, symbols, self._device)
