"""From cells of a whole market to spools, one a symbol and hour. Belongs to one thread."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from market.events import AnyEvent, DepthSnapshot
from market.hot.features import FeatureRow
from market.recording.places import SpoolFile, SymbolFolder, hour_name
from market.recording.spool import Cell, SpoolWriter


@dataclass(frozen=True, slots=True)
class Taken:
    """One cell as the pump handed it over; `number` counts them, so that a loss is seen."""

    number: int
    until_ms: int
    events: list[AnyEvent]
    answers: Sequence[DepthSnapshot]
    rows: Mapping[str, FeatureRow] | None
    anchors: Mapping[str, list[AnyEvent]]


class Spooling:
    """Holds the open spools. After a loss `abandon` begins another segment."""

    def __init__(
        self, root: Path, venue: str, symbols: Sequence[str], counters: Counter[str]
    ) -> None:
        self._folders = {symbol: SymbolFolder.of(root, venue, symbol) for symbol in symbols}
        self._counters = counters
        self._spools: dict[str, SpoolWriter] = {}
        self._hour = ""
        self._segment: int | None = None
        self._fresh = True
        self._last_number = 0
        self.losses = 0

    def write(self, cells: Sequence[Taken]) -> bool:
        """Spool cells in order; return whether an hour has ended with them. Raises OSError."""
        ended = False
        start = 0
        for position, taken in enumerate(cells):
            lost = taken.number != self._last_number + 1
            hour = hour_name(taken.until_ms)
            if lost or hour != self._hour:
                self._flush(cells[start:position])
                start = position
                ended = ended or bool(self._hour and hour != self._hour)
                if lost:
                    self.abandon()
                self._close_spools()
                self._hour = hour
            if self._segment is None:
                self._segment = taken.until_ms
            self._last_number = taken.number
        self._flush(cells[start:])
        return ended

    def abandon(self) -> None:
        """End the segment: something is missing behind it."""
        self._close_spools()
        self._segment = None
        self._fresh = False
        self.losses += 1

    def close(self) -> None:
        self._close_spools()

    def _flush(self, cells: Sequence[Taken]) -> None:
        if not cells:
            return
        for symbol, spooled in self._by_symbol(cells).items():
            spool = self._spools.get(symbol) or self._open(symbol)
            self._counters["bytes_spooled"] += spool.write(spooled)
        self._counters["cells"] += len(cells)

    def _by_symbol(self, cells: Sequence[Taken]) -> dict[str, list[Cell]]:
        spooled: dict[str, list[Cell]] = {symbol: [] for symbol in self._folders}
        for taken in cells:
            events = self._split(taken.events)
            answers = {answer.symbol: answer for answer in taken.answers}
            for symbol, mine in spooled.items():
                row = taken.rows.get(symbol) if taken.rows else None
                own, anchor = events.get(symbol), taken.anchors.get(symbol)
                edge = taken is cells[-1] or taken.until_ms == self._segment
                if edge or own or row or anchor or symbol in answers:
                    answer = answers.get(symbol)
                    mine.append(Cell(taken.until_ms, own or [], answer, row, anchor or []))
        return spooled

    def _split(self, events: list[AnyEvent]) -> dict[str, list[AnyEvent]]:
        if len(self._folders) == 1 and all(event.symbol in self._folders for event in events):
            return dict.fromkeys(self._folders, events)
        split: dict[str, list[AnyEvent]] = {}
        for event in events:
            split.setdefault(event.symbol, []).append(event)
        return split

    def _open(self, symbol: str) -> SpoolWriter:
        if self._segment is None:
            raise ValueError("a spool belongs to a segment")
        file = SpoolFile.new(self._folders[symbol], self._hour, self._segment)
        writer = SpoolWriter(file.path, segment=self._segment, fresh=self._fresh)
        self._spools[symbol] = writer
        return writer

    def _close_spools(self) -> None:
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()
