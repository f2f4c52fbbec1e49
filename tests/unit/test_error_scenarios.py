"""The specification's four error scenarios and their rules, on arrays and fakes alone."""

import math
import time

import numpy as np
import pytest

from inference.forecasts.confidence import confidence
from inference.forecasts.engine import EngineError
from inference.forecasts.entry import COLUMN
from inference.forecasts.forecaster import Forecaster, Speaker
from inference.forecasts.intervals import LIMIT, MISS_RATE, IntervalTracker
from inference.forecasts.reading import HotReading
from inference.vocabulary import Reason, Role, Source, spoken_version
from market.hot.vector import FEATURE_COUNT, INDEX
from tests.hot_state import PRICE, LinearPredictor, config, speaker

TICK_MS = 200


def reading(reason: Reason = Reason.NONE, *, mid: float = PRICE, imbalance: float = 0.5):
    features = np.full((1, FEATURE_COUNT), 0.5)
    features[0, [INDEX["price"], INDEX["mid_price"]]] = mid
    features[0, INDEX["ob_imbalance"]] = imbalance
    features[0, INDEX["price_volatility"]] = 1.0
    usable = reason is Reason.NONE
    one = np.ones(1)
    return HotReading(
        features=features,
        age_ms=one * 100,
        completeness=one,
        feature_ts_ms=one,
        event_ts_ms=one,
        exchange_ts_ms=one,
        mid=np.array([mid if usable or reason is Reason.INCOMPLETE_FEATURES else math.nan]),
        usable=np.array([usable]),
        reasons=[reason],
    )


def forecaster(who: Speaker | None = None, **prediction) -> Forecaster:
    return Forecaster(["BTCUSDT"], config(**prediction), who or speaker())


def say(subject: Forecaster, what: HotReading, tick: int):
    out = subject.forecast(what, tick * TICK_MS, time.perf_counter_ns)
    subject.learn(tick, tick * TICK_MS, out)
    numbers = {name: out.numbers[row, 0] for name, row in COLUMN.items()}
    return out.sources[0], out.reasons[0], numbers


def test_forecast_of_usable_features_is_the_models():
    source, reason, numbers = say(forecaster(), reading(), 10)
    assert (source, reason) == (Source.REDIS, Reason.NONE)
    assert numbers["predicted_price"] == pytest.approx(PRICE * math.exp(0.5 / 1e4), rel=1e-12)
    assert numbers["lower"] < numbers["predicted_price"] < numbers["upper"]
    assert numbers["confidence"] == pytest.approx(0.8)


def test_stale_features_extrapolate_the_last_model_forecast_by_elapsed_time():
    subject = forecaster()
    _, _, first = say(subject, reading(), 10)
    source, reason, later = say(subject, reading(Reason.STALE_FEATURES), 60)
    assert (source, reason) == (Source.STALE, Reason.STALE_FEATURES)
    horizon_s, elapsed_s = 1.0, (60 - 10) * TICK_MS / 1000
    trend = (first["predicted_price"] - first["current_price"]) / horizon_s
    assert later["predicted_price"] == pytest.approx(first["predicted_price"] + trend * elapsed_s)
    assert (later["confidence"], later["current_price"]) == (0.3, first["current_price"])
    assert math.isnan(later["lower"])


def test_stale_features_never_extrapolate_from_a_fallback_or_beyond_thirty_seconds():
    subject = forecaster()
    say(subject, reading(), 0)
    in_time, too_late = 149, 151  # ticks of 200 ms around 30 s
    assert say(subject, reading(Reason.STALE_FEATURES), in_time)[0] is Source.STALE
    source, reason, numbers = say(subject, reading(Reason.STALE_FEATURES), too_late)
    assert (source, reason) == (Source.ERROR, Reason.STALE_FEATURES)
    assert math.isnan(numbers["predicted_price"])
    assert numbers["confidence"] == 0.0


@pytest.mark.parametrize("reason", [Reason.INVALID_FEATURES, Reason.CROSSED_BOOK])
def test_bad_features_are_an_error_with_their_reason(reason):
    subject = forecaster()
    say(subject, reading(), 10)
    source, said, numbers = say(subject, reading(reason), 11)
    assert (source, said, numbers["confidence"]) == (Source.ERROR, reason, 0.0)


def test_failing_model_is_an_error_and_the_next_tick_goes_on():
    class Failing(LinearPredictor):
        def predict(self, features):
            if self.calls == 0:
                self.calls += 1
                raise EngineError("broken")
            return super().predict(features)

    subject = forecaster(Speaker(Failing(), "test-1", "test-1"))
    assert say(subject, reading(), 1)[:2] == (Source.ERROR, Reason.MODEL_ERROR)
    assert say(subject, reading(), 2)[0] is Source.REDIS


def test_model_without_a_usable_number_is_no_forecast():
    source, reason, numbers = say(forecaster(), reading(imbalance=math.nan), 1)
    assert (source, reason) == (Source.ERROR, Reason.NO_PRICE)
    assert math.isnan(numbers["predicted_price"])


def test_missing_model_continues_the_line_at_confidence_one_tenth():
    subject = forecaster(Speaker(None))
    assert say(subject, reading(mid=100.0), 0)[0] is Source.ERROR  # one point is no line
    say(subject, reading(mid=101.0), 5)
    source, reason, numbers = say(subject, reading(mid=102.0), 10)
    assert (source, reason) == (Source.TREND, Reason.MODEL_MISSING)
    assert numbers["predicted_price"] == pytest.approx(103.0)  # 1 a second, 1 s ahead
    assert numbers["confidence"] == pytest.approx(0.1)


def test_missing_model_with_bad_features_keeps_their_reason():
    subject = forecaster(Speaker(None))
    source, reason, _ = say(subject, reading(Reason.CROSSED_BOOK), 0)
    assert (source, reason) == (Source.ERROR, Reason.CROSSED_BOOK)


def test_emergency_says_nothing_but_that():
    out = forecaster().emergency(Reason.MODEL_ERROR)
    assert out.sources == [Source.EMERGENCY]
    assert np.isnan(out.numbers[COLUMN["predicted_price"], 0])
    assert out.numbers[COLUMN["confidence"], 0] == 0.0


def test_memory_relief_drops_caches_and_halves_the_feature_cache():
    subject = forecaster()
    say(subject, reading(), 10)
    before = subject.mids.size
    subject.relieve_memory()
    assert subject.mids.size == before // 2
    assert say(subject, reading(Reason.STALE_FEATURES), 11)[0] is Source.ERROR
    assert say(subject, reading(), 12)[0] is Source.REDIS
    for _ in range(10):
        subject.relieve_memory()
    assert subject.mids.size == 2


def test_confidence_under_the_threshold_is_marked():
    source, reason, _ = say(forecaster(confidence_threshold=0.9), reading(), 1)
    assert (source, reason) == (Source.REDIS, Reason.BELOW_THRESHOLD)


@pytest.mark.parametrize(
    ("age", "completeness", "volatility", "spread", "expected"),
    [
        (100, 1.0, 1.0, 1.0, 0.8),
        (2_001, 1.0, 1.0, 1.0, 0.72),
        (100, 0.5, 1.0, 1.0, 0.4),
        (100, 1.0, 31.0, 1.0, 0.8),
        (100, 1.0, 32.0, 1.0, 0.68),  # 32·√10 bp = 1.01 %
        (100, 1.0, 1.0, 10.1, 0.72),
        (3_000, 0.1, 99.0, 99.0, 0.1),
    ],
)
def test_confidence_follows_the_specification(age, completeness, volatility, spread, expected):
    values = [np.array([float(v)]) for v in (age, completeness, volatility, spread)]
    assert confidence(*values)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("source", "version"),
    [
        (Source.REDIS, "v1"),
        (Source.STALE, "v1-fallback"),
        (Source.ERROR, "v1-error"),
        (Source.EMERGENCY, "v1-error"),
        (Source.TREND, "v1"),
    ],
)
def test_version_takes_the_specifications_suffix(source, version):
    assert spoken_version("v1", source) == version


def test_speaker_without_model_is_a_baseline():
    assert Speaker(None).role == Role.BASELINE


def test_interval_tracks_its_miss_rate_on_any_outcomes():
    rng = np.random.default_rng(3)
    tracker = IntervalTracker(1)
    misses = 0
    count = 20_000
    for step in range(count):
        scale = 1.0 if step < count // 2 else 2.5  # the market changes half-way
        outcome = rng.standard_normal() * scale
        missed = float(outcome < -(1.0 + tracker.low[0]))
        misses += int(missed)
        tracker.update(np.array([missed]), np.array([math.nan]))
    assert misses / count == pytest.approx(MISS_RATE, abs=0.005)
    assert tracker.high[0] == 0.0


def test_interval_with_runaway_misses_stays_bounded():
    tracker = IntervalTracker(1)
    for _ in range(1_000):
        tracker.update(np.ones(1), np.ones(1))
    assert tracker.low[0] == tracker.high[0] == LIMIT


def test_fallback_teaches_the_interval_nothing():
    subject = forecaster()
    say(subject, reading(), 0)
    for tick in range(1, 6):  # stale from here on; tick 5 matures the one model forecast
        say(subject, reading(Reason.STALE_FEATURES), tick)
    assert subject.intervals.low[0] == 0.0
    for tick in range(6, 20):
        say(subject, reading(), tick)
    assert subject.intervals.low[0] < 0.0  # held, again and again: the bound moves in
    assert subject.tally.rolling().graded == 9
