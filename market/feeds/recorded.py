"""What this server recorded, as a source of events for a replay.

A folder `<venue>/<SYMBOL>` of `VAR_DIR/recordings`. Where the recording has holes the replay
sees a broken connection, as the books and windows have to begin anew.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from market.events import AnyEvent, DepthSnapshot, Disconnected
from market.recording.reading import Segment, SymbolRecording
from market.recording.spool import event_of


class RecordedSource:
    """One symbol's recording. answers: snapshots that the feed was asked for, by cell end."""

    def __init__(self, recording: SymbolRecording, faults: Counter[str]) -> None:
        self._recording = recording
        self._faults = faults
        self.symbol = recording.symbol
        self.path = recording.folder.path
        self.answers: dict[int, DepthSnapshot] = {}
        self.anchored_in_stream = recording.folder.of_exchange

    def events(self) -> Iterator[AnyEvent]:
        """Yield events with recv_ns never going back. Raises RecordingError."""
        last_ms = 0
        for segment in self._recording.segments():
            if segment.last_ms > last_ms:
                yield from self._segment(segment, last_ms)
                last_ms = segment.last_ms

    def _segment(self, segment: Segment, last_ms: int) -> Iterator[AnyEvent]:
        whole = segment.fresh and segment.first_ms > last_ms
        begun = whole
        if last_ms:
            self._faults["recording_broken"] += 1
            yield Disconnected(self.symbol, max(last_ms, segment.first_ms - 1) * 1_000_000, None)
        for cell in self._recording.cells(segment, last_ms, segment.last_ms):
            for event in cell.events:
                yield event_of(event)
            anchor = [event for event in cell.anchor if isinstance(event, DepthSnapshot)]
            if not begun and anchor:
                begun = True
                # It comes now, however old the newest event in it is.
                yield msgspec.structs.replace(anchor[0], recv_ns=cell.until_ms * 1_000_000)
            if cell.answer is not None:
                answer = event_of(cell.answer)
                if isinstance(answer, DepthSnapshot):
                    self.answers[cell.until_ms] = answer
