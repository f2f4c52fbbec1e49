"""Spools that are sealed: what was flushed stays whole, whatever ends the process or the disk."""

import os
from pathlib import Path

import polars as pl
import pytest

from market.candles.old_runs import remove_old_runs
from market.events import (
    AnyEvent,
    BookTicker,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Heartbeat,
    Trade,
)
from market.feeds import FeedError
from market.feeds.replay import ReplayFeed
from market.recording.places import EVENTS, FEATURES, SpoolFile, SymbolFolder
from market.recording.reading import RecordingError, SymbolRecording
from market.recording.sealing import prune, seal_all, seal_hour
from market.recording.spool import Cell, SpoolReader, SpoolWriter
from tests.unit.recording.hours import FIRST_MS, HOUR, SYMBOL, VENUE, made_up


def test_every_kind_of_event_comes_back_as_it_was(folder: SymbolFolder) -> None:
    recv = FIRST_MS * 1_000_000
    events: list[AnyEvent] = [
        DepthSnapshot(SYMBOL, recv - 9, None, 7, [(3, 4), (2, 1)], []),
        DepthDiff(SYMBOL, recv - 8, 5, 8, 9, None, [], [(6, 0)]),
        DepthDiff(SYMBOL, recv - 7, 5, 10, 11, 9, [(1, 2)], [(7, 2**70)]),
        BookTicker(SYMBOL, recv - 6, None, 12, 1, 2, 3, 4),
        Trade(SYMBOL, recv - 5, 6, 13, 2**63, 1, False),
        Trade(SYMBOL, recv - 5, 6, 14, 5, 2**63 - 1, True),
        Heartbeat(SYMBOL, recv - 4, None),
        Disconnected(SYMBOL, recv, None),
    ]
    recording_ = made_up(events, folder)
    for _ in ("spooled", "sealed"):
        (segment,) = recording_.segments()
        (batch, _), *_ = recording_.batches(segment, 0, FIRST_MS)
        assert batch.events == events
        assert [type(event) for event in batch.events] == [type(event) for event in events]
        seal_hour(folder, HOUR)
        assert not folder.spools()
        recording_ = SymbolRecording(folder)


def test_snapshot_that_was_asked_for_is_answered_again(folder: SymbolFolder) -> None:
    answer = DepthSnapshot(SYMBOL, 1, None, 7, [(3, 4)], [(5, 4)])
    heartbeat = Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)
    path = SpoolFile.new(folder, HOUR, FIRST_MS).path
    writer = SpoolWriter(path, segment=FIRST_MS, fresh=True)
    writer.write([Cell(FIRST_MS, [heartbeat], answer)])
    writer.close()
    feed = ReplayFeed([folder.path])
    (batch,) = feed.batches()
    assert batch.events == [heartbeat]
    assert feed.snapshot(SYMBOL) == answer
    (segment,) = SymbolRecording(folder).segments()
    ((_, answered),) = SymbolRecording(folder).batches(segment, 0, FIRST_MS)
    assert answered == answer


def test_torn_last_frame_is_dropped_and_counted(folder: SymbolFolder) -> None:
    trades = [Trade(SYMBOL, FIRST_MS * 1_000_000, 1, number, 1, 1, True) for number in range(3)]
    path = SpoolFile.new(folder, HOUR, FIRST_MS).path
    writer = SpoolWriter(path, segment=FIRST_MS, fresh=True)
    writer.write([Cell(FIRST_MS, trades[:1])])
    kept = path.stat().st_size
    writer.write([Cell(FIRST_MS + 100, trades[1:])])
    writer.close()
    content = path.read_bytes()
    for length in (kept + 1, kept + 12, len(content) - 1):
        path.write_bytes(content[:length])
        reader = SpoolReader(path)
        assert [cell.until_ms for cells in reader.frames() for cell in cells] == [FIRST_MS]
        assert reader.torn == length - kept
    flipped = bytearray(content)
    flipped[kept + 20] ^= 1
    path.write_bytes(flipped)
    assert seal_hour(folder, HOUR) == {"spools_torn": 1, "hours_sealed": 1}
    assert pl.read_parquet(folder.parquet(EVENTS, HOUR)).height == 2  # begin, trade


def test_sealing_again_after_a_death_before_its_end_changes_nothing(
    folder: SymbolFolder,
) -> None:
    made_up([Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)], folder)
    (spool,) = folder.spools()
    content = spool.path.read_bytes()
    seal_hour(folder, HOUR)
    first = pl.read_parquet(folder.parquet(EVENTS, HOUR))
    spool.path.write_bytes(content)  # as if it had died between the file and the spool's end
    assert SymbolRecording(folder).segments()[0].last_ms == FIRST_MS
    seal_hour(folder, HOUR)
    assert pl.read_parquet(folder.parquet(EVENTS, HOUR)).equals(first)
    assert not folder.spools()


def test_hour_of_two_processes_lies_in_one_file(folder: SymbolFolder) -> None:
    made_up([Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)], folder)
    seal_hour(folder, HOUR)
    later = FIRST_MS + 60_000
    writer = SpoolWriter(SpoolFile.new(folder, HOUR, later).path, segment=later, fresh=True)
    writer.write([Cell(later, [Heartbeat(SYMBOL, later * 1_000_000, None)])])
    writer.close()
    seal_hour(folder, HOUR)
    assert [each.number for each in SymbolRecording(folder).segments()] == [FIRST_MS, later]


def test_spool_that_is_written_to_is_left_alone(folder: SymbolFolder) -> None:
    path = SpoolFile.new(folder, HOUR, FIRST_MS).path
    writer = SpoolWriter(path, segment=FIRST_MS, fresh=True)
    writer.write([Cell(FIRST_MS, [])])
    assert seal_hour(folder, HOUR) == {}
    assert len(SymbolRecording(folder).segments()) == 1  # and yet it can be read
    writer.close()
    assert seal_hour(folder, HOUR) == {"hours_sealed": 1}


def test_failed_write_leaves_the_old_file_and_the_spool(
    folder: SymbolFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up([Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)], folder)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        counts = seal_all(folder.path.parents[1], 7)
    assert counts["hours_not_sealed"] == 1
    assert len(folder.spools()) == 1
    assert not list(folder.path.glob("events/*"))  # neither a half file nor a temporary one
    seal_all(folder.path.parents[1], 7)
    assert folder.parquet(EVENTS, HOUR).exists()
    assert folder.parquet(FEATURES, HOUR).exists()


def test_foreign_spool_is_set_aside_and_the_others_are_sealed(folder: SymbolFolder) -> None:
    made_up([Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)], folder)
    foreign = SpoolFile.new(folder, HOUR, 1).path
    foreign.write_bytes(b"not a spool of ours")
    assert seal_hour(folder, HOUR) == {"spools_unreadable": 1, "hours_sealed": 1}
    assert foreign.with_suffix(".unreadable").exists()


def test_retention_removes_old_files_and_empty_folders_alone(folder: SymbolFolder) -> None:
    made_up([Heartbeat(SYMBOL, FIRST_MS * 1_000_000, None)], folder)
    root = folder.path.parents[1]
    seal_hour(folder, HOUR)
    old, new = folder.parquet(EVENTS, HOUR), folder.parquet(FEATURES, HOUR)
    os.utime(old, (1_000, 1_000))
    assert prune(root, before=2_000) == 1
    assert not old.exists()
    assert new.exists()
    os.utime(new, (1_000, 1_000))
    assert prune(root, before=2_000) == 1
    assert not folder.path.parent.exists()


def test_old_runs_are_removed_but_for_one_that_is_being_replayed(tmp_path: Path) -> None:
    for number in range(1, 6):
        path = tmp_path / f"replay%2Fx%2F{number}" / SYMBOL
        path.mkdir(parents=True)
        os.utime(path.parent, (number, number))
    remove_old_runs(tmp_path, "replay/x/6", keep=[tmp_path / "replay%2Fx%2F1" / SYMBOL])
    left = sorted(path.name[-1] for path in tmp_path.iterdir())
    assert left == ["1", "4", "5"]


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    folder = SymbolFolder.of(tmp_path, VENUE, SYMBOL)
    path = folder.parquet(EVENTS, HOUR)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(RecordingError, match=HOUR):
        SymbolRecording(folder).segments()


def test_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="VAR_DIR/recordings"):
        ReplayFeed([tmp_path])
