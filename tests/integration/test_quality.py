"""What the recorder tells of late quality, and how it stands beside signals."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client

from dashboard.current_signals import read_signals
from inference.signals.live_accuracy import (
    NOTHING_MEASURED,
    LiveAccuracy,
    decode_live_accuracy,
)
from inference.signals.signal import SignalState, encode_state
from inference.vocabulary import FORECASTS, SIGNALS, Direction
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.accuracy import questions
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.quality import (
    decode_forecast_quality,
    decode_signal_quality,
    spoken_symbols,
    symbol_quality,
)
from predictions.accuracy.quality_chore import EVERY_SECONDS, SIGNALS_EVERY_SECONDS, QualityChore
from predictions.accuracy.questions import newest_ms
from predictions.accuracy.rollups import rebuild
from predictions.accuracy.tradeable import Refusal, forecast_checks
from predictions.broadcast import OutcomeBroadcast
from predictions.models import LedgerEntry, Signal
from predictions.recording.loop import build_chores
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.made_signals import a_signal, set_market
from tests.integration.said_forecasts import TICK_MS, VENUE, came, said, store
from tests.integration.test_accuracy_api import a_signal as stored_signal
from tests.integration.test_accuracy_api import graded

pytestmark = pytest.mark.django_db

MARKET = MarketTime(VENUE, False, float(FIRST_TICK_MS), 0.0, 0.0)


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_chore(client: redis.Redis, clock: Clock | None = None) -> QualityChore:
    return QualityChore(client, lambda: MARKET, clock=clock or Clock(), wall_ns=lambda: 5_000_000)


def speak(leaf: LedgerEntry, first: int, count: int, return_bp: float, **changes: Any) -> None:
    pairs = []
    for index in range(first, first + count):
        one = said(leaf, index, **changes)
        pairs.append((one, came(one, return_bp)))
    store(pairs)


def test_forecast_quality_keeps_the_last_hour_apart_from_its_reference(leaf: LedgerEntry) -> None:
    hour = HOUR_MS // TICK_MS
    speak(leaf, 0, 200, 1.0)
    speak(leaf, 2 * hour, 150, -1.0)
    rebuild()
    newest = newest_ms(VENUE)
    assert newest is not None
    assert spoken_symbols(VENUE, newest) == ["BTCUSDT"]
    told = symbol_quality(VENUE, "BTCUSDT", newest)
    assert (told.hour.n, told.day.n) == (150, 350)
    assert told.hour.hit_rate == 0.0
    assert told.day.hit_rate == pytest.approx(200 / 350)
    model = told.models["v1"]
    assert (model.role, model.hour.n, model.reference.n) == ("champion", 150, 200)
    assert model.reference.hit_rate == 1.0


def test_chore_on_an_empty_ledger_names_the_venue_alone(raw: redis.Redis) -> None:
    assert not a_chore(raw).run()
    told = decode_forecast_quality(raw.get(keys.quality(FORECASTS)))
    assert told is not None
    assert (told.venue, told.live, told.made_ms, told.symbols) == (VENUE, False, 5, {})


def test_chore_measures_anew_as_soon_as_another_market_runs_and_else_each_minute(
    raw: redis.Redis,
) -> None:
    running: list[MarketTime | None] = [None]
    clock = Clock()
    chore = QualityChore(raw, lambda: running[0], clock=clock)

    def measured() -> str | None:
        chore.run()
        told = decode_forecast_quality(raw.getdel(keys.quality(FORECASTS)))
        return None if told is None else told.venue

    assert measured() == "external"  # no market has begun
    running[0] = MARKET
    assert measured() == VENUE
    assert measured() is None
    clock.now += chore.every_seconds
    assert measured() is None
    clock.now += EVERY_SECONDS
    assert measured() == VENUE


class SlowClock(Clock):
    """Each look at it lasts a second."""

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_chore_measures_a_piece_a_run_where_measuring_takes_long(
    raw: redis.Redis, leaf: LedgerEntry
) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        speak(leaf, 0, 5, 1.0, symbol=symbol)
    chore = a_chore(raw, SlowClock())
    assert chore.run()
    assert chore.run()
    assert not raw.exists(keys.quality(FORECASTS))
    assert not chore.run()
    told = decode_forecast_quality(raw.get(keys.quality(FORECASTS)))
    assert told is not None
    assert sorted(told.symbols) == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert chore.detail() == {"symbols": 3, "not_measured": 0, "timeframes": 0}


def test_symbol_of_which_there_is_too_much_is_told_as_not_measured(
    raw: redis.Redis, leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak(leaf, 0, 5, 1.0)
    speak(leaf, 0, 6, 1.0, symbol="ETHUSDT")
    monkeypatch.setattr(questions, "MOST_ROWS", 5)
    chore = a_chore(raw)
    assert not chore.run()
    told = decode_forecast_quality(raw.get(keys.quality(FORECASTS)))
    assert told is not None
    assert told.symbols["ETHUSDT"] is None
    assert told.symbols["BTCUSDT"] is not None
    assert chore.detail() == {"symbols": 1, "not_measured": 1, "timeframes": 0}
    checks = forecast_checks(
        {"symbol": "ETHUSDT", "model_version": "v1", "timestamp": FIRST_TICK_MS, "venue": VENUE,
         "live": False, "source": "redis", "features_age_ms": 0.0},
        MARKET, told, wall_ms=5_000.0, age_limit_ms=5_000, features_limit_ms=5_000,
    )  # fmt: skip
    assert Refusal.NOT_MEASURED in {check.reason for check in checks}


def test_chore_writes_both_engines_with_an_end(raw: redis.Redis, leaf: LedgerEntry) -> None:
    speak(leaf, 0, 120, 1.0)
    for index in range(40):
        graded(stored_signal(leaf, index))
    assert not a_chore(raw).run()
    forecasts = decode_forecast_quality(raw.get(keys.quality(FORECASTS)))
    signals = decode_signal_quality(raw.get(keys.quality(SIGNALS)))
    assert forecasts is not None
    assert signals is not None
    measured = forecasts.symbols["BTCUSDT"]
    assert measured is not None
    assert measured.day.hit_rate == 1.0
    assert signals.models == {"BTCUSDT:15m": {"v1": 1.0}}
    assert signals.timeframes["15m"]["v1"].quality.n == 40
    assert (forecasts.made_ms, signals.made_ms) == (5, 5)
    for engine in (FORECASTS, SIGNALS):
        assert 0 < int(raw.ttl(keys.quality(engine))) <= keys.QUALITY_SECONDS


def test_chore_measures_signals_again_once_some_were_graded(
    raw: redis.Redis, leaf: LedgerEntry
) -> None:
    clock = Clock()
    chore = a_chore(raw, clock)
    chore.run()
    for index in range(40):
        graded(stored_signal(leaf, index))
    clock.now += EVERY_SECONDS
    chore.run()
    soon = decode_live_accuracy(raw.get(keys.quality(SIGNALS)))
    clock.now += SIGNALS_EVERY_SECONDS
    chore.run()
    later = decode_live_accuracy(raw.get(keys.quality(SIGNALS)))
    assert soon.models == {}
    assert later.models == {"BTCUSDT:15m": {"v1": 1.0}}


@pytest.mark.parametrize("text", [None, "", "{", '{"venue": 3}', b"\xff"])
def test_quality_that_cannot_be_read_is_nothing_measured(text: object) -> None:
    assert decode_live_accuracy(text) is NOTHING_MEASURED
    assert decode_forecast_quality(text) is None
    assert decode_signal_quality(text) is None


def test_live_accuracy_stands_beside_the_signal_of_that_model_and_venue(
    raw: redis.Redis, client: Client
) -> None:
    set_market(raw)
    one = a_signal()
    raw.set(keys.sig("BTCUSDT", Timeframe.M15), encode_state(SignalState(signal=one)))

    def shown() -> Any:
        [item] = client.get("/api/predictions/BTCUSDT").json()["predictions"]
        return item["live_accuracy"]

    assert shown() is None
    text = '{"venue": "%s", "models": {"BTCUSDT:15m": {"%s": 0.4375}}}'
    raw.set(keys.quality(SIGNALS), text % (one.venue, one.model_version))
    assert shown() == 0.4375
    raw.set(keys.quality(SIGNALS), text % ("exchange", one.model_version))
    assert shown() is None
    raw.set(keys.quality(SIGNALS), text % (one.venue, "another"))
    assert shown() is None
    raw.delete(keys.quality(SIGNALS))
    raw.hset(keys.quality(SIGNALS), "another", "type")
    assert shown() is None


def test_recorder_process_adds_up_and_measures(raw: redis.Redis, leaf: LedgerEntry) -> None:
    raw.hset(keys.clock(), mapping=MARKET.to_hash())
    speak(leaf, 0, 3, 1.0)
    chores = {each.name: each for each in build_chores(raw, OutcomeBroadcast(None))}
    assert not chores["rollups"].run()
    assert not chores["quality"].run()
    assert chores["rollups"].detail()["open"] == 1
    told = decode_forecast_quality(raw.get(keys.quality(FORECASTS)))
    assert told is not None
    measured = told.symbols["BTCUSDT"]
    assert measured is not None
    assert (told.venue, measured.hour.n) == (VENUE, 3)


def test_snapshots_show_live_accuracy() -> None:
    one = a_signal()
    text = encode_state(SignalState(signal=one)).decode()
    measured = LiveAccuracy(venue=one.venue, models={"BTCUSDT:15m": {one.model_version: 0.5}})
    [frame] = read_signals([("BTCUSDT", Timeframe.M15)], [text], measured).frames
    assert frame == one.frame(live_accuracy=0.5)
    assert read_signals([("BTCUSDT", Timeframe.M15)], [text]).frames == [one.frame()]


def test_signals_of_no_trade_count_in_the_three_classes(
    raw: redis.Redis, leaf: LedgerEntry
) -> None:
    for index in range(30):
        signal: Signal = stored_signal(
            leaf, index, direction=Direction.NO_TRADE, p_no_trade=0.6, p_long=0.2
        )
        graded(signal, touched=Direction.NO_TRADE if index < 12 else Direction.LONG)
    a_chore(raw).run()
    assert decode_live_accuracy(raw.get(keys.quality(SIGNALS))).models == {
        "BTCUSDT:15m": {"v1": pytest.approx(0.4)}
    }
