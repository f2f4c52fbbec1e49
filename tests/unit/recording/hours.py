"""An hour that is recorded in a spool, for the tests of recordings."""

from collections.abc import Sequence

from market.events import AnyEvent
from market.recording.places import SpoolFile, SymbolFolder
from market.recording.reading import SymbolRecording
from market.recording.spool import Cell, SpoolWriter

VENUE = "replay/test/1"
SYMBOL = "BTCUSDT"
HOUR = "2024-07-19T00"
FIRST_MS = 1_721_347_200_090  # of a cell, just after an hour began


def made_up(events: Sequence[AnyEvent], folder: SymbolFolder) -> SymbolRecording:
    writer = SpoolWriter(SpoolFile.new(folder, HOUR, FIRST_MS).path, segment=FIRST_MS, fresh=True)
    writer.write([Cell(FIRST_MS, events)])
    writer.close()
    return SymbolRecording(folder)
