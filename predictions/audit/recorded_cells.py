"""Feature rows of recorded cells, computed anew, asked for in order of time."""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from market.hot.features import FeatureRow
from market.recording.places import SymbolFolder
from market.recording.reading import Segment, SymbolRecording, exact_rows

LOOK_BACK_MS = 6_000
"""Features older than 5 s are never used."""

GO_ON_MS = 900_000
"""Rather than to begin anew behind an anchor a reader goes on over a gap of this."""

Rows = list[tuple[int, FeatureRow]]


class Lacking(StrEnum):
    """Why there are no rows."""

    NO_RECORDING = "no_recording"
    """Nothing is recorded of that time (any more)."""

    NOT_WARMED_UP = "recording_not_warmed_up"
    """The recording begins less than six minutes before, behind a loss."""


class RecordedCells:
    """Rows of one symbol in one venue. Ask with rising times; it holds some seconds."""

    def __init__(self, root: Path, venue: str, symbol: str) -> None:
        """Raises RecordingError where a file is damaged."""
        self._recording = SymbolRecording(SymbolFolder.of(root, venue, symbol))
        self._segments = self._recording.segments()
        self._cursors: dict[int, _Cursor] = {}

    def covers(self, time_ms: float) -> bool:
        """Return whether a market that was played is recorded at a time."""
        return any(
            each.played_ms is not None and each.played_ms <= time_ms <= each.last_ms
            for each in self._segments
        )

    def rows(self, until_ms: int) -> Rows | Lacking:
        """Return the rows of the seconds up to and with until_ms, the newest last.

        Of every segment that was played then: a market may have ended in these seconds, and
        begun anew. Raises RecordingError.
        """
        rows: Rows = []
        covered = False
        for segment in self._segments:
            played_ms, exact_ms = segment.played_ms, segment.exact_from()
            if played_ms is None or not (played_ms <= until_ms <= segment.last_ms + LOOK_BACK_MS):
                continue
            covered = True
            if exact_ms is not None and exact_ms <= until_ms:
                found = self._cursor(segment).rows(until_ms)
                rows += [row for row in found if row[0] >= played_ms]
        if not covered:
            return Lacking.NO_RECORDING
        return sorted(rows, key=lambda row: row[0]) if rows else Lacking.NOT_WARMED_UP

    def _cursor(self, segment: Segment) -> "_Cursor":
        return self._cursors.setdefault(segment.number, _Cursor(self._recording, segment))


class _Cursor:
    def __init__(self, recording: SymbolRecording, segment: Segment) -> None:
        self._recording = recording
        self._segment = segment
        self._coming: Iterator[tuple[int, FeatureRow]] | None = None
        self._kept: deque[tuple[int, FeatureRow]] = deque()
        self._begun_ms = self._at_ms = 0

    def rows(self, until_ms: int) -> Rows:
        from_ms = until_ms - LOOK_BACK_MS
        if (
            self._coming is None
            or from_ms > self._at_ms + GO_ON_MS
            or (self._kept and from_ms < self._begun_ms)
        ):
            segment = self._segment
            self._coming = exact_rows(self._recording, segment, from_ms, segment.last_ms)
            self._kept.clear()
            self._begun_ms = self._at_ms = from_ms
        while self._at_ms < until_ms:
            found = next(self._coming, None)
            if found is None:
                self._at_ms = until_ms
                break
            self._kept.append(found)
            self._at_ms = found[0]
        while self._kept and self._kept[0][0] < from_ms:
            self._begun_ms = self._kept.popleft()[0]
        return [row for row in self._kept if row[0] <= until_ms]
