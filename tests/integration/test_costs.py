"""The record scored again for the asker's costs, against figures worked out by hand."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.vocabulary import Direction, OutcomeStatus
from market.candles.timeframes import Timeframe
from predictions.accuracy import forecast_costs as of_forecasts
from predictions.accuracy import signal_costs as of_signals
from predictions.accuracy.costs import Costs, CostsError
from predictions.accuracy.forecast_costs import forecast_costs
from predictions.accuracy.signal_costs import signal_costs
from predictions.grading.signals import SaidSignal, grade_signal
from predictions.models import Forecast, ForecastOutcome, Signal, SignalOutcome
from tests.candle_bars import CLOSE_MS, Bar, bars, said
from tests.integration.ledger import stored_leaf

pytestmark = pytest.mark.django_db

M1, M5, M15, H1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK_MS = 2_000
QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
UP: Bar = (100.0, 102.5, 99.0, 102.0)
FREE = Costs(fee_bp=0)


def store_signal(signal: SaidSignal, candles: list[Bar], along: Timeframe = M1) -> None:
    """Store a signal and the outcome that grading gives it along hand-made candles."""
    timeframe = Timeframe(signal.timeframe)
    whole = candles + [QUIET] * (12 * timeframe.ms // along.ms - len(candles))
    path = bars(whole, along, signal.candle_close)
    empty = bars([], M1)
    grade = grade_signal(
        signal,
        lambda asked: path if asked is along else empty,
        known_ms=math.inf,
        fee_bp=10.0,
    )
    assert grade is not None
    row = Signal.objects.create(
        **{
            name: getattr(signal, name) for name in SaidSignal._fields if name not in ("id", "role")
        },
        venue="test",
        live=False,
        candle_open=signal.candle_close - timeframe.ms,
        revision=Signal.objects.count(),
        batch=1,
        confidence=0.5,
        p_short=0.25,
        p_no_trade=0.25,
        p_long=0.5,
        provisional=False,
        model_version="v1",
        role="champion",
        model_digest="d",
        predicted_at=EPOCH + timedelta(milliseconds=signal.candle_close),
        prediction_ts=signal.candle_close,
        made_ts=signal.candle_close,
        leaf=stored_leaf(),
    )
    SignalOutcome.objects.create(signal=row, **grade.columns())


def store_forecast(number: int, mid: float, predicted: float, came: float, **changes: Any) -> None:
    """Store the forecast of a tick and what came of it."""
    tick_ms = CLOSE_MS + number * TICK_MS
    given: dict[str, Any] = {
        "venue": "test",
        "live": False,
        "tick": tick_ms // TICK_MS,
        "symbol": "BTCUSDT",
        "model_version": "v1",
        "base_version": "v1",
        "role": "champion",
        "model_digest": "d",
        "predicted_at": EPOCH + timedelta(milliseconds=tick_ms),
        "prediction_ts": tick_ms,
        "target_ts": tick_ms + 10_000,
        "made_ts": tick_ms,
        "mid_price": mid,
        "predicted_price": predicted,
        "features_age_ms": 5.0,
        "source": "redis",
        "leaf": stored_leaf(),
    }
    row = Forecast.objects.create(**(given | changes))
    ForecastOutcome.objects.create(
        forecast=row, status=OutcomeStatus.GRADED.value, target_mid=came, price_from="tick"
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"fee_bp": -1}, "fee_bp must be a number from 0 to 1000"),
        ({"fee_bp": math.nan}, "fee_bp"),
        ({"fee_bp": 1, "slippage_bp": 1_000.5}, "slippage_bp"),
        ({"fee_bp": 1, "latency_ms": 600_001}, "latency_ms must be a number from 0 to 600000"),
    ],
)
def test_costs_out_of_range_are_refused_by_name(given, named):
    with pytest.raises(CostsError, match=named):
        Costs(**given)


def test_signal_costs_without_any_are_the_r_from_the_first_open():
    store_signal(said(), [(100.4, 101, 99, 100), UP])
    store_signal(said(direction=Direction.SHORT), [QUIET, UP])

    bill = signal_costs(Signal.objects.all(), FREE)

    assert (bill.unit, bill.considered, bill.mean.n, bill.limited) == ("R", 2, 2, False)
    assert bill.total == pytest.approx((102 - 100.4) / 2 - 1)
    assert bill.mean.value == bill.before == pytest.approx(bill.total / 2)
    assert (bill.share_positive, bill.missed, bill.unknown) == (0.5, {}, {})
    assert bill.median == pytest.approx(bill.mean.value)


def test_signal_costs_take_fee_and_slippage_on_both_sides():
    store_signal(said(), [QUIET, UP])

    bill = signal_costs(Signal.objects.all(), Costs(fee_bp=10, slippage_bp=5))

    assert bill.before == 1.0
    assert bill.mean.value == pytest.approx(1 - 15e-4 * (100 + 102) / 2)


def test_signal_costs_that_eat_the_gain_are_told_as_a_loss():
    store_signal(said(), [QUIET, UP])

    bill = signal_costs(Signal.objects.all(), Costs(fee_bp=200))

    assert bill.mean.value is not None
    assert bill.mean.value < 0
    assert bill.share_positive == 0.0


@pytest.mark.parametrize(
    ("latency_ms", "entry"),
    [(0, 100.0), (1, 100.3), (60_000, 100.3), (60_001, 100.6), (300_000, 101.5)],
)
def test_signal_costs_enter_at_the_first_open_after_the_latency(latency_ms, entry):
    candles = [(100 + 0.3 * minute, 101.8, 99, 100.0) for minute in range(6)]
    store_signal(said(H1), [*candles, (100, 103, 99, 102)])

    bill = signal_costs(Signal.objects.all(), Costs(fee_bp=0, latency_ms=latency_ms))

    assert bill.before == pytest.approx((102 - entry) / 2)


@pytest.mark.parametrize(
    ("latency_ms", "candles", "along", "missed", "unknown"),
    [
        (60_001, [QUIET], M1, {"expired": 1}, {}),
        (120_000, [QUIET], M1, {"expired": 1}, {}),
        (30_000, [UP], M1, {"touched_before": 1}, {}),
        (60_000, [UP], M1, {"touched_before": 1}, {}),
        (0, [(97, 98, 96, 97)], M1, {"touched_before": 1}, {}),
        (1_000, [QUIET], M5, {}, {"path_too_coarse": 1}),
        (600_000, [QUIET], M5, {"expired": 1}, {}),
        (0, [QUIET], M5, {}, {}),
    ],
)
def test_signal_costs_say_why_a_signal_was_not_entered(latency_ms, candles, along, missed, unknown):
    store_signal(said(), candles, along)

    bill = signal_costs(Signal.objects.all(), Costs(fee_bp=0, latency_ms=latency_ms))

    assert (bill.missed, bill.unknown) == (missed, unknown)
    assert bill.considered == 1
    assert bill.mean.n == (0 if missed or unknown else 1)
    assert (bill.mean.value is None) == bool(missed or unknown)


def test_signal_costs_leave_out_no_trade_late_and_ungradable():
    store_signal(said(direction=Direction.NO_TRADE), [QUIET])
    store_signal(said(late=True), [QUIET])

    assert signal_costs(Signal.objects.all(), FREE).considered == 0


def test_signal_costs_score_the_newest_and_say_so(monkeypatch):
    monkeypatch.setattr(of_signals, "MOST_SIGNALS", 2)
    for hour in range(3):
        store_signal(said(candle_close=CLOSE_MS + hour * H1.ms), [UP] if hour else [QUIET])

    bill = signal_costs(Signal.objects.all(), FREE)

    assert (bill.considered, bill.limited, bill.most, bill.total) == (2, True, 2, 2.0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(97, 103), st.integers(0, 2), st.integers(0, 2)), min_size=30),
    st.sampled_from([Direction.LONG, Direction.SHORT]),
    st.integers(0, 600_000),
)
def test_signal_costs_equal_a_trade_that_goes_minute_by_minute(drawn, direction, latency_ms):
    candles = [
        (float(opened), float(opened + up), float(opened - down), float(opened))
        for opened, up, down in drawn
    ]
    signal = said(Timeframe.H4, direction=direction, risk=4.0)
    store_signal(signal, candles)
    newest = Signal.objects.order_by("-id")[:1].values("id")

    bill = signal_costs(
        Signal.objects.filter(id__in=list(newest.values_list("id", flat=True))),
        Costs(fee_bp=7, latency_ms=latency_ms, slippage_bp=3),
    )

    assert bill.total == pytest.approx(_traded(signal, candles, latency_ms))


def _traded(signal: SaidSignal, candles: list[Bar], latency_ms: int) -> float | None:
    # Levels 4 away are touched by a bar's high or low; an open beyond one is such a touch, too.
    side, target = signal.side, 100 + 4 * signal.side
    stop = 100 - 4 * signal.side
    entry = None
    for minute in range(12 * 240):
        opened, high, low, _ = candles[minute] if minute < len(candles) else QUIET
        if side * opened >= side * target or side * opened <= side * stop:
            left = opened if side * opened <= side * stop else target
        elif minute * 60_000 >= latency_ms and entry is None:
            entry = opened
            left = None
        else:
            left = None
        if left is None:
            if (low if side > 0 else -high) <= side * stop:
                left = stop
            elif (high if side > 0 else -low) >= side * target:
                left = target
        if left is not None:
            break
    else:
        left = 100.0
    if entry is None:
        return None
    return (side * (left - entry) - 10e-4 * (entry + left)) / 4


def test_forecast_costs_without_any_are_the_moves_in_the_direction_said():
    store_forecast(0, 100.0, 100.1, 100.2)
    store_forecast(1, 100.0, 99.9, 100.1)
    store_forecast(2, 100.0, 100.0, 101.0)

    bill = forecast_costs(Forecast.objects.all(), FREE, tick_ms=TICK_MS)

    assert (bill.unit, bill.considered, bill.mean.n) == ("bp", 2, 2)
    assert bill.total == pytest.approx(1e4 * (math.log(1.002) - math.log(1.001)))
    assert bill.share_positive == 0.5


def test_forecast_costs_take_both_sides():
    store_forecast(0, 100.0, 100.1, 100.2)

    bill = forecast_costs(
        Forecast.objects.all(), Costs(fee_bp=10, slippage_bp=2.5), tick_ms=TICK_MS
    )

    assert bill.before == pytest.approx(1e4 * math.log(1.002))
    assert bill.mean.value == pytest.approx(1e4 * math.log(1.002) - 25)


@pytest.mark.parametrize(("latency_ms", "entry"), [(1, 100.5), (2_000, 100.5), (2_001, 101.0)])
def test_forecast_costs_enter_at_the_first_tick_after_the_latency(latency_ms, entry):
    store_forecast(0, 100.0, 100.1, 102.0)
    store_forecast(1, 100.5, 100.6, 102.0)
    store_forecast(2, 101.0, 101.1, 102.0)
    first = Forecast.objects.filter(prediction_ts=CLOSE_MS)

    bill = forecast_costs(first, Costs(fee_bp=0, latency_ms=latency_ms), tick_ms=TICK_MS)

    assert bill.total == pytest.approx(1e4 * math.log(102 / entry))


@pytest.mark.parametrize(
    ("latency_ms", "missed", "unknown"),
    [
        (10_000, {"past_target": 1}, {}),
        (8_001, {"past_target": 1}, {}),
        (8_000, {}, {"no_price": 1}),
    ],
)
def test_forecast_costs_say_what_could_not_be_entered(latency_ms, missed, unknown):
    store_forecast(0, 100.0, 100.1, 102.0)
    store_forecast(4, 100.0, 100.1, 102.0, reason="crossed_book")
    first = Forecast.objects.filter(prediction_ts=CLOSE_MS)

    bill = forecast_costs(first, Costs(fee_bp=0, latency_ms=latency_ms), tick_ms=TICK_MS)

    assert (bill.missed, bill.unknown, bill.mean.value) == (missed, unknown, None)


def test_forecast_costs_leave_out_what_was_late_or_has_no_price():
    store_forecast(0, 100.0, 100.1, 102.0, late=True)
    store_forecast(1, 100.0, 100.1, 102.0, predicted_price=None)

    assert forecast_costs(Forecast.objects.all(), FREE, tick_ms=TICK_MS).considered == 0


def test_forecast_costs_score_the_newest_and_say_so(monkeypatch):
    monkeypatch.setattr(of_forecasts, "MOST_FORECASTS", 2)
    for number, came in enumerate((50.0, 100.2, 100.2)):
        store_forecast(number, 100.0, 100.1, came)

    bill = forecast_costs(Forecast.objects.all(), FREE, tick_ms=TICK_MS)

    assert (bill.considered, bill.limited) == (2, True)
    assert bill.before == pytest.approx(1e4 * math.log(1.002))


def test_forecast_costs_have_an_interval_by_blocks_of_time():
    for number in range(0, 300, 3):
        store_forecast(number, 100.0, 100.1, 100.0 + 0.1 * math.sin(number))

    bill = forecast_costs(Forecast.objects.all(), FREE, tick_ms=TICK_MS)

    assert (bill.mean.n, bill.mean.blocks) == (100, 10)
    assert bill.mean.lower < bill.mean.value < bill.mean.upper
    assert bill.mean.n_eff <= 100 / 5
