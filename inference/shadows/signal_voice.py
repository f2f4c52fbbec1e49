"""A version on trial for the signals of a timeframe: what it says of a leader's batch.

The same candles, as of the batch's own time, through the very code of the loop: windows, network,
levels. A signal of a candle bears the revision of the leader's. Where the store holds other values
by now than the leader saw, nothing is said: the leader's superseding signal is about to come, and
that is answered. Gaps are not told: what a coin's candles lack the leader has told already, and
a coin that only the version does not know is no decision that could be compared.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.signal_loading import Loading, SignalModel
from inference.artefacts.signal_manifest import MANIFEST_NAME
from inference.handover.chain import ChainHead, EntryFormatError
from inference.handover.fence import Written
from inference.handover.lease import Held
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.market_clock import MarketClock
from inference.shadows.shards import LEADERS
from inference.shadows.status import VoiceStatus
from inference.shadows.voice import HUNG_SECONDS, TooSlowError, elapsed_ms
from inference.signals.engine import Ask, make_signals
from inference.signals.entry import BatchEntry, Said
from inference.signals.moment import Moment
from inference.signals.signal import Signal
from inference.signals.windows import WindowError, Windows
from inference.vocabulary import Role
from market.candles.timeframes import Timeframe

LOOK_BACK_PAGE, LOOK_BACK_PAGES = 64, 8
"""How far a start reads the log back for batches that are still valid: entries, and reads."""

Before = Callable[[str, int], Awaitable[Sequence[tuple[Any, bytes | None]]]]
Coin = tuple[str, str]
"""A venue and a symbol."""


class TrialNetwork:
    """The network of one version's folder. Raises ArtefactError where it may not be served."""

    def __init__(self, version: str, folder: Path, timeframe: Timeframe, loading: Loading) -> None:
        self.version = version
        self._folder = folder
        self._timeframe = timeframe
        self._loading = loading
        manifest = loading.manifest_at(folder)
        if manifest.version != version:
            message = f"says version {manifest.version}, its folder is called {version}"
            raise ArtefactError(Refusal.MANIFEST, folder / MANIFEST_NAME, message)
        self.model(manifest.symbols[0])

    def model(self, symbol: str) -> SignalModel:
        """Return what serves a coin. Raises ArtefactError."""
        return self._loading.load_at(self._folder, symbol, self._timeframe)


class SignalVoice:
    """One version's answers, a batch at a time."""

    def __init__(
        self,
        network: TrialNetwork,
        shard: int,
        timeframe: Timeframe,
        *,
        windows: Windows,
        writer: ChainWriter,
        clock: MarketClock,
        before: Before,
        status: VoiceStatus,
    ) -> None:
        self._network = network
        self._shard = shard
        self._timeframe = timeframe
        self._windows = windows
        self._writer = writer
        self._clock = clock
        self._before = before
        self._status = status
        self._newest: dict[Coin, tuple[int, int]] = {}
        self._venue = ""

    def forget(self) -> None:
        self._newest.clear()
        self._venue = ""

    async def catch_up(self, held: Held) -> None:
        """Answer what the leader said and nobody answered, as far as it is still valid."""
        for entry in await self._unanswered():
            await self.answer(entry, held)

    async def answer(self, entry: BatchEntry, held: Held) -> None:
        """Say what the version says of the leader's batch; see `Answering`."""
        started = time.perf_counter_ns()
        now_ms = await self._clock.now_ms(entry.venue)
        if now_ms is None:
            self._status.skip("other_market", len(entry.signals))
            return
        asked = [said for said in entry.signals if self._may_answer(entry.venue, said, now_ms)]
        if not asked:
            return
        work = asyncio.to_thread(self._make, entry, asked)
        try:
            made = await asyncio.wait_for(work, HUNG_SECONDS)
        except TimeoutError as error:
            raise TooSlowError(f"it gave no answer within {HUNG_SECONDS:g} s") from error
        now_ms = await self._clock.now_ms(entry.venue)
        if now_ms is None or not made:
            return
        own = self._entry(entry, made, held, int(max(now_ms, entry.made_ms)))
        if not own.signals:
            return
        if self._venue != entry.venue:
            await self._writer.newest_id(entry.venue, self._shard)
            self._venue = entry.venue
        outcome = await self._writer.write(_placed(own), entry.venue, self._shard, held)
        if outcome is not Written.WRITTEN:
            self._status.skip(outcome.value, len(own.signals))
            return
        for said in own.signals:
            self._remember(entry.venue, said)
        self._status.say(elapsed_ms(started))

    def _may_answer(self, venue: str, said: Said, now_ms: float) -> bool:
        signal = said.signal
        if signal.model_version == self._network.version:
            self._status.skip("own")  # it serves this coin
            return False
        if (signal.candle_open_ms, said.revision) <= self._newest.get(
            (venue, signal.symbol), (-1, -1)
        ):
            return False
        if now_ms > signal.valid_until_ms:
            leader_late = signal.made_ms > signal.valid_until_ms
            self._status.skip("late", excused=leader_late or not self._clock.real_time)
            return False
        return True

    def _make(self, entry: BatchEntry, asked: Sequence[Said]) -> list[Said]:
        symbols = [said.signal.symbol for said in asked]
        windows = self._windows.read(symbols, self._timeframe, entry.venue, entry.made_ms)
        asks: list[tuple[Said, Ask]] = []
        for said, window in zip(asked, windows, strict=True):
            theirs = said.signal
            if isinstance(window, WindowError):
                self._status.skip(window.code.value)
            elif (window.open_ms, window.provisional, window.entry, window.features) != (
                theirs.candle_open_ms, theirs.provisional, theirs.entry, theirs.features,
            ):  # fmt: skip
                self._status.skip("restated")
            else:
                try:
                    asks.append((said, Ask(self._network.model(theirs.symbol), window)))
                except ArtefactError:
                    self._status.skip("unknown_coin")
        moment = Moment(entry.venue, entry.live, entry.made_ms)
        made = make_signals([ask for _, ask in asks], moment)
        answers = []
        for (said, _), answer in zip(asks, made, strict=True):
            if isinstance(answer, Signal):
                answers.append(Said(answer, said.revision))
            else:
                self._status.skip(answer.code.value)
        return answers

    def _entry(
        self, leader: BatchEntry, made: Sequence[Said], held: Held, made_ms: int
    ) -> BatchEntry:
        signals = []
        for said in made:
            if made_ms > said.signal.valid_until_ms:
                self._status.skip("late")
                continue
            signal = msgspec.structs.replace(said.signal, made_ms=made_ms, role=Role.SHADOW)
            signals.append(Said(signal, said.revision))
        return BatchEntry(
            venue=leader.venue,
            live=leader.live,
            batch=0,
            timeframe=leader.timeframe,
            made_ms=made_ms,
            missed=0,
            shard=self._shard,
            token=held.token,
            signals=signals,
            gaps=[],
        )

    def _remember(self, venue: str, said: Said) -> None:
        coin, of = (venue, said.signal.symbol), (said.signal.candle_open_ms, said.revision)
        self._newest[coin] = max(of, self._newest.get(coin, of))

    async def _unanswered(self) -> list[BatchEntry]:
        found: list[BatchEntry] = []
        newest = "+"
        for _ in range(LOOK_BACK_PAGES):
            rows = await self._before(newest, LOOK_BACK_PAGE)
            for _, packed in rows:
                entry = _read(packed)
                if entry is None or entry.timeframe is not self._timeframe:
                    continue
                if entry.shard == self._shard:
                    for said in entry.signals:
                        self._remember(entry.venue, said)
                elif entry.shard == LEADERS and entry.signals:
                    now_ms = await self._clock.now_ms(entry.venue)
                    if now_ms is None or now_ms > entry.signals[0].signal.valid_until_ms:
                        return found[::-1]
                    found.append(entry)
            if len(rows) < LOOK_BACK_PAGE:
                break
            newest = f"({_text(rows[-1][0])}"
        return found[::-1]


def _placed(entry: BatchEntry) -> Callable[[ChainHead], tuple[bytes, int]]:
    def place(head: ChainHead) -> tuple[bytes, int]:
        entry.prev = head.prev
        # Market time, so that numbers rise even where Redis lost the chain's head.
        entry.batch = max(head.tick + 1, entry.made_ms)
        return entry.pack(), entry.batch

    return place


def _read(packed: bytes | None) -> BatchEntry | None:
    try:
        return None if packed is None else BatchEntry.unpack(packed)
    except EntryFormatError:
        return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
