"""Recording: what was seen comes back bit for bit, and losses are told."""

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from market.events import AnyEvent, DepthDiff, DepthSnapshot
from market.feeds import Batch
from market.feeds.replay import ReplayFeed
from market.feeds.simulated import SimulatedFeed
from market.hot.features import WARM_UP_MS, FeatureRow
from market.hot.tracking import MarketTracker
from market.recording import recorder as recorder_module
from market.recording.places import EVENTS, SymbolFolder
from market.recording.reading import SymbolRecording, exact_rows
from market.recording.recorder import MarketRecorder, RecordingPlan
from market.recording.sealing import seal_all
from market.recording.spooling import Spooling, Taken
from market.recording.tables import feature_row
from market.recording.upkeep import Upkeep
from tests.recordings import BTC_FUTURES, NEXO_SPOT, recording
from tests.unit.recording.hours import FIRST_MS, HOUR, SYMBOL, VENUE
from tests.waiting import eventually_sync
from training.recordings import read_recording, recorded_symbols, recording_digest

ROOT = Path(__file__).resolve().parents[3]

Rows = dict[int, FeatureRow]


def same(one: FeatureRow, other: FeatureRow) -> bool:
    return np.array_equal(one.values, other.values, equal_nan=True) and one[1:] == other[1:]


def no_upkeep(*_: object, **__: object) -> None:
    return None


def record(root: Path, batches: Sequence[Batch], feed: ReplayFeed, lose: range = range(0)) -> Rows:
    """Record batches as the pump does, but those at the positions `lose`; return all rows."""
    tracker = MarketTracker(feed)
    spooling = Spooling(root, VENUE, feed.symbols, Counter())
    rows: Rows = {}
    anchored = -(10**18)
    taken: list[Taken] = []
    for number, batch in enumerate(batches, 1):
        found = tracker.advance(batch)
        rows[batch.until_ms] = found[feed.symbols[0]]
        anchors: dict[str, list[AnyEvent]] = {}
        if batch.until_ms - anchored > 30_000 or number - 1 in lose:
            events = tracker.symbols[feed.symbols[0]].anchor()
            if events is not None:
                anchors, anchored = {feed.symbols[0]: events}, batch.until_ms
        if number - 1 not in lose:
            written = found if batch.until_ms % 2_000 == 1_990 else None
            taken.append(Taken(number, batch.until_ms, batch.events, [], written, anchors))
    for start in range(0, len(taken), 50):
        spooling.write(taken[start : start + 50])
    spooling.close()
    return rows


@pytest.fixture(scope="module")
def futures() -> tuple[ReplayFeed, list[Batch]]:
    feed = ReplayFeed([recording(BTC_FUTURES)])
    return feed, list(feed.batches())


@pytest.fixture(scope="module")
def quiet() -> tuple[ReplayFeed, list[Batch]]:
    feed = ReplayFeed([recording(NEXO_SPOT)])
    return feed, list(itertools.islice(feed.batches(), 6_000))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, futures) -> tuple[SymbolFolder, Rows]:
    root = tmp_path_factory.mktemp("recordings")
    feed, batches = futures
    rows = record(root, batches, feed)
    assert seal_all(root, 7)["hours_sealed"] == 2  # midnight lies within
    return SymbolFolder.of(root, VENUE, SYMBOL), rows


def test_recording_replayed_gives_bit_identical_features_from_its_beginning(recorded) -> None:
    folder, rows = recorded
    recording_ = SymbolRecording(folder)
    (segment,) = recording_.segments()
    found = dict(exact_rows(recording_, segment, segment.first_ms, segment.last_ms))
    assert found.keys() == rows.keys()
    assert all(same(found[cell], rows[cell]) for cell in rows)


def test_recording_begun_behind_an_anchor_gives_the_same_features(recorded) -> None:
    folder, rows = recorded
    recording_ = SymbolRecording(folder)
    (segment,) = recording_.segments()
    from_ms = segment.anchors[2] + WARM_UP_MS
    assert segment.start_for(from_ms) == segment.anchors[2] > segment.first_ms
    found = dict(exact_rows(recording_, segment, from_ms, segment.last_ms))
    assert len(found) > 100
    assert all(same(found[cell], rows[cell]) for cell in found)


def test_replay_feed_of_a_recording_plays_the_same_cells(recorded, futures) -> None:
    folder, _ = recorded
    feed = ReplayFeed([folder.path])
    assert (feed.symbols, feed.name) == ((SYMBOL,), "replay/BTCUSDT")
    _, batches = futures
    count = 0
    for played, original in itertools.zip_longest(feed.batches(), batches):
        assert (played.until_ms, played.events) == (original.until_ms, original.events)
        count += len(played.events)
    assert count > 70_000


def test_one_hour_is_played_from_its_file_alone(recorded, futures) -> None:
    folder, _ = recorded
    feed = ReplayFeed([folder.parquet(EVENTS, HOUR)])
    assert (feed.symbols, feed.name) == ((SYMBOL,), f"replay/BTCUSDT-{HOUR}")
    _, batches = futures
    expected = [e for batch in batches if batch.until_ms >= 1_721_347_200_000 for e in batch.events]
    played = [e for batch in feed.batches() for e in batch.events]
    (anchor,) = [e for e in played if isinstance(e, DepthSnapshot)]  # what stands for the past
    assert [e for e in played if e is not anchor] == expected


def test_training_reads_a_recording_as_it_reads_frames(recorded) -> None:
    folder, rows = recorded
    cells = read_recording(folder.path)
    assert (cells.name, len(cells.times_ms)) == (SYMBOL, len(rows))
    assert np.array_equal(cells.values, [row.values for row in rows.values()], equal_nan=True)
    assert recorded_symbols([folder.path]) == (SYMBOL,)
    assert recording_digest([folder.path]) != recording_digest([folder.parquet(EVENTS, HOUR)])


def test_feature_rows_are_those_of_the_cells_that_ticks_read(recorded) -> None:
    folder, rows = recorded
    recording_ = SymbolRecording(folder)
    tables = [recording_.feature_table(hour) for hour in recording_.hours()]
    stored = {row[1]: feature_row(row[2:]) for table in tables for row in table.iter_rows()}
    assert stored.keys() == {cell for cell in rows if cell % 2_000 == 1_990}
    assert all(same(stored[cell], rows[cell]) for cell in stored)


def test_simulated_markets_books_mended_by_snapshots_and_restarts_are_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upkeep, "look", no_upkeep)
    symbols = ("BTCUSDT", "ETHUSDT")
    seen: dict[tuple[int, str], Rows] = {}
    answers = 0
    for run, count in enumerate((3_900, 600)):
        # The second begins within the first: a pre-roll repeats times.
        feed = SimulatedFeed(symbols, seed=run, start_ms=FIRST_MS + run * 60_000)
        tracker = MarketTracker(feed)
        recorder = MarketRecorder(RecordingPlan(tmp_path, 7), "simulated", tracker)
        recorder.start()
        for number, batch in enumerate(itertools.islice(feed.batches(), count)):
            if number == count - 200:
                batch.events[:] = [e for e in batch.events if not isinstance(e, DepthDiff)]
            for symbol, row in tracker.advance(batch).items():
                seen.setdefault((run, symbol), {})[batch.until_ms] = row
            answers += len(recorder._answers)
            recorder.take(batch, None, patient=True)
        recorder.close()
    assert answers >= 2 * len(symbols)
    for symbol in symbols:
        recording_ = SymbolRecording(SymbolFolder.of(tmp_path, "simulated", symbol))
        segments = recording_.segments()
        assert segments[0].last_ms > segments[1].first_ms
        for run, segment in enumerate(segments):
            from_ms = segment.first_ms if run else segment.anchors[0] + WARM_UP_MS
            found = dict(exact_rows(recording_, segment, from_ms, segment.last_ms))
            rows = seen[run, symbol]
            assert set(found) == {cell for cell in rows if cell >= from_ms}
            assert all(same(found[cell], rows[cell]) for cell in found)


def test_loss_begins_another_segment_and_no_row_is_exact_before_it_warmed_up(
    tmp_path: Path, quiet
) -> None:
    feed, batches = quiet
    lost = range(40, 45)
    rows = record(tmp_path, batches, feed, lost)
    recording_ = SymbolRecording(SymbolFolder.of(tmp_path, VENUE, "NEXOUSDT"))
    before, after = recording_.segments()
    assert before.last_ms < batches[40].until_ms < after.first_ms == batches[45].until_ms
    assert (before.fresh, after.fresh) == (True, False)
    found = dict(exact_rows(recording_, after, after.first_ms, after.last_ms))
    assert min(found) == after.anchors[0] + WARM_UP_MS == after.exact_from()
    assert len(found) > 100
    assert all(same(found[cell], rows[cell]) for cell in found)
    replayed = ReplayFeed([recording_.folder.path])
    kinds = Counter(type(e).__name__ for batch in replayed.batches() for e in batch.events)
    assert (kinds["Disconnected"], kinds["DepthSnapshot"]) == (1, 2)


RECORD_AND_DIE = """
import sys
from pathlib import Path
from market.recording.upkeep import Upkeep
from tests.recordings import BTC_FUTURES, NEXO_SPOT, recording
from market.feeds.replay import ReplayFeed
from market.hot.tracking import MarketTracker
from market.recording.recorder import MarketRecorder, RecordingPlan

feed = ReplayFeed([recording(NEXO_SPOT)])
tracker = MarketTracker(feed)
recorder = MarketRecorder(RecordingPlan(Path(sys.argv[1]), 7), "replay/test/1", tracker)
recorder.start()
for batch in feed.batches():
    recorder.take(batch, tracker.advance(batch), patient=True)
    print(batch.until_ms, recorder.counters["cells"], flush=True)
"""


def test_process_killed_within_an_hour_keeps_what_it_flushed(tmp_path: Path, quiet) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RECORD_AND_DIE, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        flushed = 0
        for line in child.stdout:
            flushed = int(line.split()[1])
            if flushed >= 400:
                break
        os.kill(child.pid, signal.SIGKILL)
    folder = SymbolFolder.of(tmp_path, VENUE, "NEXOUSDT")
    assert folder.spools()
    seal_all(tmp_path, 7)
    assert not folder.spools()
    recording_ = SymbolRecording(folder)
    (segment,) = recording_.segments()
    _, batches = quiet
    expected = [b for b in batches if b.until_ms <= segment.last_ms]
    assert len(expected) >= flushed
    read = [batch for batch, _ in recording_.batches(segment, 0, segment.last_ms)]
    assert [(b.until_ms, b.events) for b in read] == [(b.until_ms, b.events) for b in expected]


def test_unwritable_folder_is_told_and_recording_goes_on_once_it_can(
    tmp_path: Path, futures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(Upkeep, "look", no_upkeep)
    feed, batches = futures
    root = tmp_path / "recordings"
    root.write_text("a file where the folder should be")
    tracker = MarketTracker(feed)
    recorder = MarketRecorder(RecordingPlan(root, 7), VENUE, tracker)
    recorder.start()
    played = iter(batches)

    def play_until(ready: str) -> bool:
        batch = next(played)
        recorder.take(batch, tracker.advance(batch), patient=True)
        return recorder.state()["status"] == ready

    eventually_sync(lambda: play_until("failing"))
    assert "NotADirectoryError" in str(recorder.state()["problem"])
    root.unlink()
    eventually_sync(lambda: play_until("active"))
    recorder.close()
    assert recorder.counters["cells_lost"] > 0
    segments = SymbolRecording(SymbolFolder.of(root, VENUE, SYMBOL)).segments()
    assert segments
    assert not any(segment.fresh for segment in segments)


def test_full_queue_drops_cells_counts_them_and_never_waits(
    tmp_path: Path, futures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 3)
    feed, batches = futures
    recorder = MarketRecorder(RecordingPlan(tmp_path, 7), VENUE, MarketTracker(feed))
    for batch in batches[:10]:  # its thread has not started: nothing is taken out
        recorder.take(batch, None)
    assert recorder.state()["cells_dropped"] == 7
    assert recorder.state()["waiting"] == 3
