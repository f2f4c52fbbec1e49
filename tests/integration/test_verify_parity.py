"""What was said is computed anew from what was recorded: nothing differs, what was altered does."""

import asyncio
import json
import shutil
import threading
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import transaction

from inference.artefacts.signal_registry import ModelRegistry
from inference.artefacts.versions import Slot, VersionStore
from inference.config import RedisConfig, ServiceConfig
from inference.forecasts.entry import COLUMN, TickEntry
from inference.forecasts.service import ServiceSettings, load_speaker
from inference.handover.chain import entry_hash
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.moment import Moment
from inference.signals.service import InferenceService
from inference.signals.signal import Signal
from inference.vocabulary import FORECASTS, SIGNALS, SignalReason
from market import keys
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.feeds.opening import OpenedFeed
from market.feeds.replay import ReplayFeed
from market.pump import Pump
from market.recording.places import SymbolFolder
from market.recording.reading import SymbolRecording
from market.recording.recorder import RecordingPlan
from market.recording.spool import SpoolReader, SpoolWriter
from predictions.promotion import standing
from predictions.transparency.appending import NewEntry, append_entries
from tests.hot_state import make_loop
from tests.made_candles import walk
from tests.model_versions import add_version
from tests.recordings import BTC_FUTURES, NEXO_SPOT, recording
from tests.waiting import PATIENCE_SECONDS, eventually

VENUE = "replay/parity/1"
SYMBOL = "NEXOUSDT"
TICKS = 25
H1 = Timeframe.H1
CLOSE_MS = 1_767_225_600_000


@dataclass
class Played:
    """What a replay left: its recordings, and the loop's packed entries."""

    recordings: Path
    packed: list[bytes]


async def play(redis_url: str, root: Path, speed: float, market: str) -> Played:
    config = ServiceConfig(redis=RedisConfig(socket_timeout_seconds=5.0))
    base = django_settings.BASE_DIR
    feed = ReplayFeed([recording(market)])
    service = ServiceSettings(config, feed.symbols, "", base, root / "no-var", "")
    speaker = load_speaker(service)[0]
    loop = make_loop(redis_url, config=config, symbols=feed.symbols, speaker=speaker)
    done = threading.Event()
    opened = OpenedFeed(feed, VENUE, live=False, speed=speed, in_utc=False)
    plan = RecordingPlan(root / "recordings", 7)
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        client.flushall()
        pump = Pump(opened, client, done.is_set, recording=plan)
        feeding = threading.Thread(target=pump.run)
        feeding.start()
        try:
            await eventually(lambda: client.exists(keys.clock()))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await loop.run(TICKS)
        finally:
            done.set()
            await asyncio.to_thread(feeding.join)
        entries: Any = client.xrange(keys.log(FORECASTS))
    return Played(plan.root, [fields[b"entry"] for _, fields in entries])


@pytest.fixture(scope="module")
def played(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return asyncio.run(play(redis_url, tmp_path_factory.mktemp("played"), 0, NEXO_SPOT))


@pytest.fixture
def ledger(played: Played, settings: Any, tmp_path: Path, db: None) -> None:
    """The replay's entries in the database, its recordings and an empty instance around."""
    settings.RECORDINGS_DIR = played.recordings
    settings.CANDLES_DIR = tmp_path / "candles"
    settings.VAR_DIR = tmp_path
    for packed in played.packed:
        store_forecasts(packed)


def store_forecasts(packed: bytes) -> None:
    entry = TickEntry.unpack(packed)
    store(FORECASTS, entry.tick, round(entry.made_ms), packed)


def store(
    engine: str, number: int, made_ms: int, packed: bytes, original: bytes | None = None
) -> None:
    """Append an entry; with `original`, as if its bytes had been others when it was stored."""
    new = NewEntry(engine, VENUE, 0, number, f"{made_ms}-0", made_ms, bytes(32), packed)
    if original is not None:
        object.__setattr__(new, "hash", entry_hash(original))
    with transaction.atomic():
        append_entries([new])


def altered(packed: bytes, column: str | int, by: float) -> bytes:
    """Return an entry with one of its numbers (or its feature of that position) changed."""
    entry = TickEntry.unpack(packed)
    numbers, features = entry.numbers.copy(), entry.features.copy()
    if isinstance(column, int):
        features[0, column] += by
    else:
        numbers[COLUMN[column], 0] += by
    return replace(entry, numbers=numbers, features=features).pack()


def verify(**options: Any) -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("verify_parity", json=True, stdout=out, **options)
    except CommandError as error:
        assert error.returncode == 1
        failed = True
    else:
        failed = False
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["passed"] is not failed
    return report


def test_replayed_forecasts_equal_what_the_recording_gives(ledger: None) -> None:
    report = verify(engine="forecasts")
    assert report["differences"] == []
    assert report["unchecked"] == {}
    assert report["checked"]["features"] == TICKS * 20
    assert report["checked"]["outputs"] == TICKS * 11


def test_market_played_in_time_shows_no_difference(
    redis_url: str, tmp_path: Path, settings: Any, db: None
) -> None:
    settings.VAR_DIR = tmp_path
    played = asyncio.run(play(redis_url, tmp_path, 20, BTC_FUTURES))
    settings.RECORDINGS_DIR = played.recordings
    for packed in played.packed:
        store_forecasts(packed)
    report = verify(engine="forecasts")
    assert report["differences"] == []
    assert report["checked"]["features"] >= (TICKS - 3) * 20
    assert set(report["unchecked"]) <= {"fallback"}


ALTERED: tuple[tuple[str | int, float, str], ...] = (
    (6, 1e-9, "volume_5s"),
    (10, 1e-12, "ob_imbalance"),
    ("mid_price", 1e-9, "mid_price"),
    ("predicted_price", 1e-6, "predicted_price"),
    ("upper", -1e-6, "upper"),
    ("p_up", 1e-4, "p_up"),
    ("confidence", 1e-12, "confidence"),
    ("event_ts_ms", 1.0, "event_ts_ms"),
    ("features_age_ms", 50.0, "features_age_ms"),
)


def test_altered_number_is_named_with_its_time_and_size(ledger: None, played: Played) -> None:
    for position, (column, by, _) in enumerate(ALTERED):
        store_forecasts(altered(played.packed[position], column, by))
    found = verify(engine="forecasts", symbols=frozenset({SYMBOL}))["differences"]
    assert {(each["engine"], each["venue"], each["subject"]) for each in found} == {
        (FORECASTS, VENUE, SYMBOL)
    }
    for position, (_, by, named) in enumerate(ALTERED):
        tick_ms = TickEntry.unpack(played.packed[position]).tick_ms
        (size,) = [
            each["size"] for each in found if each["time_ms"] == tick_ms and each["column"] == named
        ]
        assert size == pytest.approx(abs(by), rel=0.5)
    assert len({each["time_ms"] for each in found}) == len(ALTERED)


def test_changed_byte_of_a_row_is_named_wherever_it_lies(
    played: Played, settings: Any, tmp_path: Path, db: None
) -> None:
    settings.RECORDINGS_DIR, settings.VAR_DIR = played.recordings, tmp_path
    packed = played.packed[3]
    places = range(1, len(packed), len(packed) // 8)
    for number, place in enumerate(places):
        changed = bytearray(packed)
        changed[place] ^= 0x10
        store(FORECASTS, number, 1, bytes(changed), original=packed + bytes([number]))
    found = verify(engine="forecasts")["differences"]
    named = {each["subject"] for each in found if each["column"] == "packed"}
    assert named == {f"entry {number}" for number in range(len(places))}


def test_forecast_whose_model_is_gone_is_counted_not_passed(ledger: None, played: Played) -> None:
    entry = replace(TickEntry.unpack(played.packed[0]), digest="ab" * 32)
    store_forecasts(entry.pack())
    report = verify(engine="forecasts")
    assert report["unchecked"] == {"outputs_model_missing": 1}
    assert report["checked"]["features"] == (TICKS + 1) * 20


def test_forecast_without_a_recording_is_counted_not_passed(
    ledger: None, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path / "none"
    report = verify(engine="forecasts", sample=5)
    assert report["unchecked"] == {"features_no_recording": 5}
    assert set(report["checked"]) == {"outputs"}


def test_cells_lost_in_a_crash_are_counted_not_named(
    ledger: None, played: Played, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    shutil.copytree(played.recordings, settings.RECORDINGS_DIR)
    folder = SymbolFolder.of(settings.RECORDINGS_DIR, VENUE, SYMBOL)
    (spool,) = folder.spools()
    reader = SpoolReader(spool.path)
    cells = [cell for frame in reader.frames() for cell in frame]
    spool.path.unlink()
    writer = SpoolWriter(spool.path, segment=reader.header.segment, fresh=True)
    last_ms = TickEntry.unpack(played.packed[12]).tick_ms
    writer.write([cell for cell in cells if cell.until_ms <= last_ms])
    writer.close()
    report = verify(engine="forecasts")
    lost = report["unchecked"].pop("features_no_recording")
    assert report["unchecked"] == {}
    assert report["differences"] == []
    assert lost == TICKS - 13
    assert report["checked"]["features"] == (TICKS - lost) * 20


def test_recording_tells_where_its_pre_roll_ends(played: Played) -> None:
    (segment,) = SymbolRecording(SymbolFolder.of(played.recordings, VENUE, SYMBOL)).segments()
    assert segment.fresh
    assert segment.played_ms is not None
    assert segment.played_ms - segment.first_ms == 360_000


def test_fallback_is_counted_and_alone_proves_nothing(
    played: Played, settings: Any, tmp_path: Path, db: None
) -> None:
    settings.VAR_DIR = tmp_path
    entry = TickEntry.unpack(played.packed[0])
    store_forecasts(replace(entry, sources=["fallback-stale"]).pack())
    report = verify(engine="forecasts")
    assert report == {
        "passed": False, "checked": {}, "unchecked": {"fallback": 1},
        "notes": [], "difference_count": 0, "differences": [],
    }  # fmt: skip


def test_time_range_and_sample_choose_what_is_checked(ledger: None, played: Played) -> None:
    ticks = [TickEntry.unpack(packed).tick_ms for packed in played.packed]
    report = verify(engine="forecasts", since=ticks[5], until=ticks[15])
    assert report["checked"]["features"] == 10 * 20
    report = verify(engine="forecasts", sample=4, seed=3)
    assert report["checked"]["features"] == 4 * 20


# Signals


def said_signals(root: Path) -> tuple[Signal, ...]:
    candles = walk(400, seed=3, step_ms=H1.ms, start_ms=CLOSE_MS - 400 * H1.ms)
    store_of = CandleStore(root / "candles")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        store_of.upsert("binance", symbol, H1, candles)
    registry = ModelRegistry(django_settings.BASE_DIR / "models", root)
    moment = Moment(VENUE, False, CLOSE_MS + 300)
    service = InferenceService(registry, store_of, "binance", lambda: moment)
    answers = service.predict_batch(["BTCUSDT", "ETHUSDT"], H1)
    assert all(isinstance(answer, Signal) for answer in answers)
    return tuple(answer for answer in answers if isinstance(answer, Signal))


def store_signals(*signals: Signal, gaps: tuple[Gap, ...] = ()) -> None:
    entry = BatchEntry(
        venue=VENUE,
        live=False,
        batch=CLOSE_MS + 300,
        timeframe=H1,
        made_ms=CLOSE_MS + 300,
        missed=0,
        shard=0,
        token=1,
        signals=[Said(signal) for signal in signals],
        gaps=list(gaps),
    )
    store(SIGNALS, entry.batch, entry.made_ms, entry.pack())


@pytest.fixture
def signals(settings: Any, tmp_path: Path, db: None) -> tuple[Signal, ...]:
    settings.CANDLES_DIR = tmp_path / "candles"
    settings.VAR_DIR = tmp_path
    return said_signals(tmp_path)


def test_signals_equal_what_the_candles_give(signals: tuple[Signal, ...]) -> None:
    gap = Gap("SOLUSDT", CLOSE_MS - H1.ms, SignalReason.CANDLES_MISSING, "none")
    store_signals(*signals, gaps=(gap,))
    report = verify(engine="signals")
    assert report["differences"] == []
    assert report["unchecked"] == {"gap": 1}
    assert report["checked"]["features"] == 2 * 14


def test_signals_of_a_version_that_was_replaced_are_computed_by_the_kept_one(
    signals: tuple[Signal, ...], tmp_path: Path
) -> None:
    store_signals(*signals)
    slot = Slot(SIGNALS, H1)
    add_version(VersionStore(tmp_path), slot, "v2")
    standing.promote(slot, "v2", by="ann", why="a test")
    report = verify(engine="signals")
    assert (report["differences"], report["unchecked"]) == ([], {})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"features": 0}, "rsi_14"),
        ({"entry": 1e-9}, "entry"),
        ({"probabilities": 0}, "p_short"),
        ({"tp_eta_minutes": 3}, "tp_eta_minutes"),
    ],
)
def test_altered_signal_is_named(
    signals: tuple[Signal, ...], change: dict[str, float], named: str
) -> None:
    ((name, by),) = change.items()
    first, second = signals
    was = getattr(first, name)
    value: Any = by
    if name == "features":
        value = (was[0] + 1e-9, *was[1:])
    elif name == "probabilities":
        value = (was[1], was[0], was[2])
    elif name == "entry":
        value = was + by
    store_signals(msgspec.structs.replace(first, **{name: value}), second)
    report = verify(engine="signals")
    assert named in {each["column"] for each in report["differences"]}
    assert {each["subject"] for each in report["differences"]} == {"BTCUSDT 1h"}


def test_restated_candle_and_lost_network_are_counted(signals: tuple[Signal, ...]) -> None:
    first, second = signals
    store_signals(
        msgspec.structs.replace(first, provisional=True, entry=first.entry + 1),
        msgspec.structs.replace(second, model_digest="ab" * 32),
    )
    report = verify(engine="signals")
    assert report["differences"] == []
    assert report["unchecked"] == {"features_restated_candle": 1, "outputs_model_missing": 1}


def test_signal_whose_candles_are_gone_is_counted(
    signals: tuple[Signal, ...], settings: Any, tmp_path: Path
) -> None:
    store_signals(*signals)
    settings.CANDLES_DIR = tmp_path / "none"
    report = verify(engine="signals")
    assert report["unchecked"] == {"features_candles_missing": 2}
    assert not report["passed"]
