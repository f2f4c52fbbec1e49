"""The inference service over a real store and real networks: signals, and errors by coin."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from inference.artefacts.signal_manifest import MANIFEST_NAME
from inference.artefacts.signal_registry import ModelRegistry
from inference.signals.moment import Moment
from inference.signals.service import InferenceService, SignalUnavailable
from inference.signals.signal import Signal, SignalError
from inference.signals.windows import window_of
from inference.vocabulary import SignalReason
from market.candles.indicators import CANDLES_NEEDED
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe, UnknownTimeframeError
from market.symbols import UnknownSymbolError
from tests.unit.signal_artefacts import NOW_MS, SYMBOLS, candles, write_pooled

H1 = Timeframe.H1
VENUE = "binance"


class Place:
    """A folder with networks of every timeframe and candles of every coin."""

    def __init__(self, root: Path) -> None:
        self.models = root / "models"
        self.store = CandleStore(root / "candles")
        self.now_ms = float(NOW_MS + 1_000)
        self.venue = "external"
        for seed, timeframe in enumerate(SIGNAL_TIMEFRAMES):
            write_pooled(self.models, timeframe, network={"seed": seed})
            for number, symbol in enumerate(SYMBOLS):
                self.put(symbol, candles(timeframe, count=300, seed=number), timeframe)
        self.service = InferenceService(
            ModelRegistry(self.models, root / "var"),
            self.store,
            VENUE,
            lambda: Moment(self.venue, True, self.now_ms),
            refresh_seconds=0.0,
        )

    def put(
        self, symbol: str, series: CandleSeries, timeframe: Timeframe = H1, venue: str = VENUE
    ) -> None:
        self.store.upsert(venue, symbol, timeframe, series, closed_by_ms=self.now_ms + 1e12)

    def code(self, symbol: str = "BTCUSDT") -> SignalError:
        with pytest.raises(SignalUnavailable) as caught:
            self.service.predict(symbol, H1)
        return caught.value.error


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_service_answers_all_coins_of_all_timeframes_in_order(place: Place) -> None:
    answers = place.service.predict_all(SYMBOLS)
    assert [(a.symbol, a.timeframe) for a in answers] == [
        (symbol, timeframe) for timeframe in SIGNAL_TIMEFRAMES for symbol in SYMBOLS
    ]
    assert all(isinstance(answer, Signal) for answer in answers)


def test_service_batch_equals_single(place: Place) -> None:
    for together in place.service.predict_batch(SYMBOLS, "1h"):
        alone = place.service.predict(together.symbol, "1h")
        assert isinstance(together, Signal)
        assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert (together.entry, together.stop_loss) == (alone.entry, alone.stop_loss)


@pytest.mark.parametrize("written", ["btc-usdt", "BTC/USDT", " btcusdt "])
def test_service_takes_symbols_as_people_write_them(place: Place, written: str) -> None:
    assert place.service.predict(written, "1h").symbol == "BTCUSDT"


def test_service_refuses_what_names_no_timeframe_or_symbol(place: Place) -> None:
    with pytest.raises(UnknownTimeframeError, match="15m, 1h, 4h, 1d"):
        place.service.predict("BTCUSDT", "2h")
    with pytest.raises(UnknownSymbolError):
        place.service.predict("not a coin!", "1h")


def test_service_uses_no_candle_that_closed_after_market_time(place: Place) -> None:
    past = NOW_MS - 5 * H1.ms
    place.now_ms = past + 1
    said = place.service.predict("BTCUSDT", H1)
    assert said.candle_close_ms == past
    stored = place.store.read((VENUE,), "BTCUSDT", H1, closed_by_ms=past, count=CANDLES_NEEDED)
    assert said.features == window_of(stored, H1).features


def test_service_coin_without_candles_is_an_error_and_the_others_are_served(place: Place) -> None:
    for timeframe in SIGNAL_TIMEFRAMES:
        write_pooled(place.models, timeframe, symbols=(*SYMBOLS, "NEWUSDT"), network={"symbols": 4})
    answers = place.service.predict_batch((*SYMBOLS, "NEWUSDT"), H1)
    assert [type(answer) for answer in answers] == [Signal] * 3 + [SignalError]
    assert answers[3].code is SignalReason.CANDLES_MISSING  # type: ignore[union-attr]


def test_service_unknown_model_is_an_error_naming_the_file(place: Place) -> None:
    error = place.code("DOGEUSDT")
    assert error.code is SignalReason.MODEL_MISSING
    assert "models/DOGEUSDT/1h/cnn_lstm_best.pt" in error.message
    assert str(place.models.parent) not in error.message


def test_service_150_candles_are_not_enough(place: Place) -> None:
    place.put("BTCUSDT", candles(H1, count=150), venue="simulated")
    place.venue = "simulated"
    error = place.code()
    assert error.code is SignalReason.NOT_ENOUGH_HISTORY
    assert "150" in error.message and "210" in error.message


def test_service_missing_candle_in_the_window_is_a_gap_named_by_its_open(place: Place) -> None:
    series = candles(H1, count=300)
    whole = np.ones(300, np.bool_)
    whole[-100] = False
    place.put("BTCUSDT", series[whole], venue="simulated")
    place.venue = "simulated"
    error = place.code()
    assert error.code is SignalReason.CANDLE_GAP
    assert "2024-09-01T20:00:00Z" in error.message


def test_service_gap_before_the_window_does_no_harm(place: Place) -> None:
    series = candles(H1, count=300)
    whole = np.ones(300, np.bool_)
    whole[-211] = False
    place.put("BTCUSDT", series[whole], venue="simulated")
    place.venue = "simulated"
    assert place.service.predict("BTCUSDT", H1).venue == "simulated"


def test_service_newest_candle_over_two_timeframes_old_is_outdated(place: Place) -> None:
    place.now_ms = NOW_MS + 2 * H1.ms
    assert isinstance(place.service.predict("BTCUSDT", H1), Signal)
    place.now_ms = NOW_MS + 2 * H1.ms + 1
    error = place.code()
    assert error.code is SignalReason.FEATURES_OUTDATED
    assert "2024-09-06T00:00:00Z" in error.message


def test_service_store_with_a_column_missing_says_which(place: Place) -> None:
    folder = place.store.folder(VENUE, "BTCUSDT", H1)
    part = max(folder.glob("*.parquet"))
    pl.read_parquet(part).drop("volume").write_parquet(part)
    error = place.code()
    assert error.code is SignalReason.COLUMNS_MISSING
    assert "volume" in error.message and part.name in error.message


def test_service_damaged_store_is_an_error_of_that_coin_alone(place: Place) -> None:
    folder = place.store.folder(VENUE, "BTCUSDT", H1)
    max(folder.glob("*.parquet")).write_bytes(b"PAR1")
    bitcoin, ether, _ = place.service.predict_batch(SYMBOLS, H1)
    assert isinstance(bitcoin, SignalError) and isinstance(ether, Signal)


def test_service_price_that_never_moved_is_no_signal(place: Place) -> None:
    flat = candles(H1, count=300)
    still = np.full(300, 5.0)
    place.put(
        "BTCUSDT", replace(flat, open=still, high=still, low=still, close=still), venue="simulated"
    )
    place.venue = "simulated"
    assert place.code().code is SignalReason.INVALID_FEATURES


def test_service_new_candle_is_seen_at_once(place: Place) -> None:
    before = place.service.predict("BTCUSDT", H1)
    place.now_ms += H1.ms
    assert place.service.predict("BTCUSDT", H1).candle_open_ms == before.candle_open_ms
    place.put("BTCUSDT", candles(H1, count=1, seed=9, closed_ms=NOW_MS + H1.ms))
    after = place.service.predict("BTCUSDT", H1)
    assert after.candle_open_ms == before.candle_open_ms + H1.ms


def test_service_restated_candle_changes_the_signal(place: Place) -> None:
    before = place.service.predict("BTCUSDT", H1)
    newest = place.store.read((VENUE,), "BTCUSDT", H1, count=1)
    place.put("BTCUSDT", replace(newest, close=newest.low))
    assert place.service.predict("BTCUSDT", H1).entry == float(newest.low[0]) != before.entry


def test_service_promoted_network_speaks_from_the_next_question_on(place: Place) -> None:
    assert place.service.predict("BTCUSDT", H1).model_version == "test-1h-1"
    write_pooled(place.models, H1, version="test-1h-2", network={"seed": 50})
    assert place.service.predict("BTCUSDT", H1).model_version == "test-1h-2"


def test_service_damaged_promotion_leaves_the_last_good_network(place: Place) -> None:
    before = place.service.predict("BTCUSDT", H1)
    (place.models / "pooled" / "1h" / MANIFEST_NAME).write_text("{")
    assert place.service.predict("BTCUSDT", H1) == before


def test_service_replayed_market_reads_the_exchanges_candles(place: Place) -> None:
    place.venue = "replay/spot/1"
    said = place.service.predict("BTCUSDT", H1)
    assert said.venue == "replay/spot/1"
    assert said.candle_close_ms == NOW_MS


def test_service_moment_given_wins_over_the_running_market(place: Place) -> None:
    moment = Moment("external", True, 0.0).at("2024-09-05T12:00:00")
    said: Any = place.service.predict("BTCUSDT", "4h", moment=moment)
    assert (said.candle_close_ms, said.live) == (NOW_MS - 12 * H1.ms, False)
