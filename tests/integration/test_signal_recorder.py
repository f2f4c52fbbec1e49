"""Signals on their way to the ledger: every one stored once, what cannot be is set aside."""

import json
from typing import Any

import msgpack
import pytest
import redis
from django.test import Client

from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import SIGNALS, Direction, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from predictions.models import Signal, SignalGap
from predictions.recording.log_reader import LogEntry, LogReader
from predictions.recording.loop import RecordingLoop
from predictions.recording.signal_recorder import SignalRecorder
from predictions.said_features import signal_features
from tests.integration.ledger import FakeLayer, new_recorder, publish, tick_entry
from tests.signal_loops import DAY_MS, M15, VENUE, make_signal

pytestmark = pytest.mark.django_db


class DyingReader(LogReader):
    """Is killed between the commit and the acknowledgement."""

    def acknowledge(self, entries: list[LogEntry]) -> None:
        raise KeyboardInterrupt


def batch(*said: Said, gaps: tuple[Gap, ...] = (), **changes: Any) -> BatchEntry:
    fields: dict[str, Any] = {
        "venue": VENUE,
        "live": False,
        "batch": DAY_MS + 500,
        "timeframe": M15,
        "made_ms": DAY_MS + 500,
        "missed": 0,
        "shard": 0,
        "token": 1,
        "signals": list(said),
        "gaps": list(gaps),
    }
    return BatchEntry(**(fields | changes))


def hand_over(client: redis.Redis, *entries: BatchEntry | bytes) -> None:
    for entry in entries:
        packed = entry if isinstance(entry, bytes) else entry.pack()
        client.xadd(keys.log(SIGNALS), {"entry": packed})


def recorder(client: redis.Redis, reader: type[LogReader] = LogReader) -> SignalRecorder:
    return SignalRecorder(reader(client, SIGNALS, "one"))


def drain(recording: SignalRecorder) -> SignalRecorder:
    while recording.step():
        pass
    return recording


def late(symbol: str = "ETHUSDT") -> Gap:
    return Gap(symbol, DAY_MS - M15.ms, SignalReason.CANDLE_LATE, "the candle has not arrived")


def test_step_batch_is_stored_signal_by_signal(binary):
    long = make_signal("BTCUSDT", features=tuple(float(n) for n in range(14)))
    none = make_signal(
        "SOLUSDT",
        direction=Direction.NO_TRADE,
        reason=SignalReason.BELOW_THRESHOLD,
        model_accuracy=None,
    )
    entry = batch(Said(long), Said(none, 1), gaps=(late(),))
    hand_over(binary, entry)

    recording = drain(recorder(binary))

    first, second = Signal.objects.order_by("symbol")
    assert (first.symbol, first.timeframe, first.venue, first.live) == (
        "BTCUSDT", "15m", VENUE, False,
    )  # fmt: skip
    assert (first.candle_open, first.candle_close) == (DAY_MS - M15.ms, DAY_MS)
    assert (first.direction, first.reason, first.revision) == ("LONG", "", 0)
    assert (first.p_short, first.p_no_trade, first.p_long) == long.probabilities
    assert (first.entry, first.stop_loss) == (100.0, long.stop_loss)
    assert first.take_profit_3 == long.take_profits[2].price
    assert (first.prediction_ts, first.made_ts) == (DAY_MS, DAY_MS + 400)
    assert first.predicted_at.timestamp() * 1e3 == DAY_MS
    assert first.valid_until_ts == DAY_MS + 120_000
    assert tuple(signal_features(first).values()) == long.features
    assert (first.leaf_id, bytes(first.leaf.packed)) == (second.leaf_id, entry.pack())
    assert (second.direction, second.reason) == ("NO_TRADE", "below_threshold")
    assert second.revision == 1
    assert (second.stop_loss, second.take_profit_1, second.tp_eta_minutes) == (None, None, None)
    assert second.model_accuracy is None
    gap = SignalGap.objects.get()
    assert (gap.symbol, gap.reason, gap.candle_open) == ("ETHUSDT", "candle_late", DAY_MS - M15.ms)
    assert (recording.tally.made, recording.tally.gaps) == (2, 1)
    assert binary.xpending(keys.log(SIGNALS), keys.RECORDER_GROUP)["pending"] == 0


def test_signal_features_are_those_of_the_rows_own_model_and_revision(binary):
    said = [
        Said(make_signal(model_version=version, features=(float(revision), *[0.0] * 13)), revision)
        for revision, version in enumerate(("v1", "v1", "v2"))
    ]
    hand_over(binary, batch(*said))

    drain(recorder(binary))

    first = [next(iter(signal_features(row).values())) for row in Signal.objects.order_by("id")]
    assert first == [0.0, 1.0, 2.0]


def test_step_signal_handed_over_twice_is_stored_once_and_never_edited(binary):
    again = make_signal(entry=200.0, made_ms=DAY_MS + 9_000)
    hand_over(binary, batch(Said(make_signal())), batch(Said(again), batch=DAY_MS + 9_000))
    hand_over(binary, batch(gaps=(late(),)), batch(gaps=(late(),), batch=DAY_MS + 9_001))

    recording = drain(recorder(binary))

    assert Signal.objects.get().entry == 100.0
    assert (recording.tally.made, recording.tally.contradicted) == (1, 1)
    assert SignalGap.objects.count() == 1


def test_step_entry_that_comes_again_contradicts_nothing(binary):
    entry = batch(Said(make_signal()), Said(make_signal("ETHUSDT")))
    hand_over(binary, entry)
    drain(recorder(binary))
    hand_over(binary, entry)

    recording = drain(recorder(binary))

    assert Signal.objects.count() == 2
    assert recording.detail()["contradicted"] == 0


def test_step_superseding_signal_is_a_row_of_its_own(binary):
    provisional = make_signal(provisional=True)
    hand_over(binary, batch(Said(provisional)), batch(Said(make_signal(entry=101.0), 1)))

    drain(recorder(binary))

    rows = Signal.objects.order_by("revision").values_list("revision", "provisional", "entry")
    assert list(rows) == [(0, True, 100.0), (1, False, 101.0)]


def test_restart_between_commit_and_acknowledgement_neither_loses_nor_doubles(binary):
    hand_over(binary, *(batch(Said(make_signal(symbol))) for symbol in ("BTCUSDT", "ETHUSDT")))
    with pytest.raises(KeyboardInterrupt):
        recorder(binary, DyingReader).step()
    assert Signal.objects.count() == 2

    drain(recorder(binary))

    assert Signal.objects.count() == 2
    assert binary.xpending(keys.log(SIGNALS), keys.RECORDER_GROUP)["pending"] == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xc1 not msgpack",
        msgpack.packb([99, "another format"]),
        batch(Said(make_signal()), format=2).pack(),
        batch(Said(make_signal(venue="v" * 97)), venue="v" * 97).pack(),
        batch(Said(make_signal(venue="another"))).pack(),
        batch(Said(make_signal(timeframe=Timeframe.H1))).pack(),
        batch(Said(make_signal(entry=float("nan")))).pack(),
        batch(Said(make_signal(features=(0.5,) * 13))).pack(),
        batch(Said(make_signal(model_version=""))).pack(),
        batch(Said(make_signal(made_ms=2**62))).pack(),
        batch(Said(make_signal()), batch=2**63).pack(),
        batch(Said(make_signal(), -1)).pack(),
        tick_entry().pack(),
    ],
)
def test_step_garbage_entry_is_set_aside_and_the_others_are_stored(binary, garbage):
    hand_over(binary, batch(Said(make_signal("BTCUSDT"))), garbage)
    hand_over(binary, batch(Said(make_signal("SOLUSDT"))))

    recording = drain(recorder(binary))

    assert Signal.objects.count() == 2
    assert recording.tally.dead_letters == 1
    letters: Any = binary.lrange(keys.dead_letters(SIGNALS), 0, -1)
    assert msgpack.unpackb(letters[0])[2] == garbage


def test_run_once_records_both_logs_and_tells_of_each(binary):
    publish(binary, tick_entry(0), tick_entry(1))
    hand_over(binary, batch(Said(make_signal())))
    recorders = [new_recorder(binary, layer=FakeLayer()), recorder(binary)]

    RecordingLoop(recorders, binary, lambda: False).run(once=True)

    assert Signal.objects.count() == 1
    detail = beat(binary)
    assert (detail["entries"], detail["forecasts"], detail["signals_entries"]) == (2, 2, 1)
    assert (detail["signals_made"], detail["signals_dead_letters"]) == (1, 0)


def test_trim_drops_what_is_old_and_committed_only(binary):
    hand_over(binary, *(batch(Said(make_signal()), batch=DAY_MS + n) for n in range(3)))
    recording = drain(recorder(binary))
    hand_over(binary, batch(Said(make_signal("ETHUSDT"))))
    recording.reader.trim(retention_ms=-60_000)
    assert binary.xlen(keys.log(SIGNALS)) == 2


# /api/signals


@pytest.fixture
def recorded(binary: redis.Redis) -> None:
    """Three candles of two coins at 15m, one at 1h, one of a live venue."""
    for index in range(3):
        open_ms = DAY_MS + index * M15.ms
        said = [Said(make_signal(coin, candle_open_ms=open_ms)) for coin in ("BTCUSDT", "ETHUSDT")]
        hand_over(binary, batch(*said))
    hour = make_signal("BTCUSDT", Timeframe.H1, direction=Direction.SHORT)
    hand_over(binary, batch(Said(hour), timeframe=Timeframe.H1))
    live = make_signal("BTCUSDT", venue="exchange", live=True)
    hand_over(binary, batch(Said(live), venue="exchange", live=True))
    drain(recorder(binary))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 8),
        ("symbol=btc-usdt", 5),
        ("timeframe=1h", 1),
        ("direction=SHORT", 1),
        (f"venue={VENUE}", 7),
        ("live=true", 1),
        ("model_version=other", 0),
        ("symbol=ETHUSDT&from=2026-01-01T00:30:00&to=2026-01-01T01:00:00", 2),
    ],
)
def test_signals_list_can_be_filtered(client: Client, recorded, query, count):
    body = client.get(f"/api/signals?{query}").json()
    assert len(body["results"]) == count


def test_signals_list_pages_by_cursor_newest_first(client: Client, recorded):
    page = client.get("/api/signals?limit=3").json()
    seen = []
    while True:
        seen += [row["predicted_at"] for row in page["results"]]
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    assert len(seen) == 8
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("timeframe=7m", "15m, 1h, 4h, 1d"),
        ("direction=UP", "SHORT, NO_TRADE, LONG"),
        ("symbol=?", "symbol"),
        ("source=redis", "timeframe"),
        ("limit=0", "1 to 1000"),
    ],
)
def test_signals_list_bad_query_is_400_naming_what_is_allowed(client: Client, query, told):
    response = client.get(f"/api/signals?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_parameter"
    assert told in response.json()["message"]


def test_signal_detail_has_its_indicators_by_name(client: Client, recorded):
    row = Signal.objects.get(timeframe="1h")
    body = client.get(f"/api/signals/{row.pk}").json()
    assert body["direction"] == "SHORT"
    assert body["candle_open"] == "2025-12-31T23:00:00.000+00:00"
    assert [target["level"] for target in body["take_profits"]] == [1, 2, 3]
    assert body["tp_eta_interval_minutes"] == [15, 150]
    assert sum(body["probabilities"].values()) == pytest.approx(1)
    assert len(body["features"]) == 14
    assert client.get("/api/signals/999999").status_code == 404


def beat(client: redis.Redis) -> dict[str, Any]:
    text: Any = client.hget(keys.health("recorder"), "detail")
    return dict(json.loads(text))
