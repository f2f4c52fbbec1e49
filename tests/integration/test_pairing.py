"""Two versions on identical decisions: what is paired, what is left out, and what it costs."""

import numpy as np
import pytest

from inference.vocabulary import Source
from market.hot.vector import TICK_MS
from predictions.accuracy.rollups import store_hour
from predictions.models import Forecast, ForecastOutcome, LedgerEntry, Signal, SignalOutcome
from predictions.promotion.pairing import paired_forecasts, paired_signals
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.tampering import tampering
from tests.integration.versions_ledger import SYMBOLS, VENUE, say_forecasts, say_signals

pytestmark = pytest.mark.django_db

RANDOM = np.random.default_rng(5)


def moves(ticks: int) -> np.typing.NDArray[np.float64]:
    return RANDOM.normal(size=(ticks, len(SYMBOLS)))


def test_pairs_of_two_versions_hold_what_each_said_and_what_came() -> None:
    mine, theirs, came = moves(4), moves(4), moves(4)
    say_forecasts({"v1": theirs, "v2": mine}, came, sigma_bp=2.0)

    pairs = paired_forecasts(VENUE, "v2", "v1")

    assert pairs.n == 8
    assert pairs.symbol.tolist() == list(SYMBOLS) * 4
    assert pairs.decided_ms[::2].tolist() == [FIRST_TICK_MS + i * TICK_MS for i in range(4)]
    np.testing.assert_allclose(pairs.returns_bp, came.ravel(), atol=1e-8)
    np.testing.assert_allclose(pairs.mine[:, 0], mine.ravel(), atol=1e-8)
    np.testing.assert_allclose(pairs.theirs[:, 0], theirs.ravel(), atol=1e-8)
    np.testing.assert_allclose(pairs.mine[:, 1], mine.ravel() - 3, atol=1e-8)
    np.testing.assert_allclose(pairs.mine[:, 3:].sum(axis=1), 1.0)
    np.testing.assert_allclose(pairs.moves_bp, 2 * 10**0.5)
    assert pairs.every == 1


def test_pairs_leave_out_fallbacks_late_open_unanswered_and_other_venues() -> None:
    say_forecasts({"v1": moves(6), "v2": moves(6)}, moves(6))
    say_forecasts({"v2": moves(1)}, moves(1), first=6)
    say_forecasts({"v1": moves(1), "v2": moves(1)}, moves(1), first=7, venue="elsewhere")
    rows = [
        Forecast.objects.filter(tick=FIRST_TICK_MS // TICK_MS + tick, symbol="BTCUSDT")
        for tick in range(4)
    ]
    with tampering():
        rows[0].filter(model_version="v2").update(source=Source.STALE)
        rows[1].filter(model_version="v1").update(late=True)
        ForecastOutcome.objects.filter(forecast__in=rows[2].filter(model_version="v1")).delete()
        rows[3].filter(model_version="v2").update(predicted_price=None)

    pairs = paired_forecasts(VENUE, "v2", "v1", to_ms=FIRST_TICK_MS + 20 * TICK_MS)

    left = [(ms - FIRST_TICK_MS) // TICK_MS for ms in pairs.decided_ms.tolist()]
    assert left == [0, 1, 2, 3, 4, 4, 5, 5]
    assert pairs.symbol[:4].tolist() == ["ETHUSDT"] * 4


def test_pairs_keep_to_the_window_and_over_hours_added_up() -> None:
    answers = {"v1": moves(3), "v2": moves(3)}
    say_forecasts(answers, moves(3))
    say_forecasts({"v1": moves(2)}, moves(2), first=1_800)
    say_forecasts(answers, moves(3), first=3_600)
    for hour in range(2):
        store_hour(VENUE, FIRST_TICK_MS + hour * 3_600_000)

    whole = paired_forecasts(VENUE, "v2", "v1")
    part = paired_forecasts(
        VENUE, "v2", "v1", from_ms=FIRST_TICK_MS + TICK_MS, to_ms=FIRST_TICK_MS + 3_601 * TICK_MS
    )

    assert whole.n == 12
    assert sorted(set((part.decided_ms - FIRST_TICK_MS) // TICK_MS)) == [1, 2, 3_600]


def test_pairs_whose_entry_was_pruned_have_no_move() -> None:
    say_forecasts({"v1": moves(3), "v2": moves(3)}, moves(3))
    leaf = Forecast.objects.filter(model_version="v2").order_by("tick")[0].leaf_id
    with tampering():
        LedgerEntry.objects.filter(index=leaf).update(packed=None)

    pairs = paired_forecasts(VENUE, "v2", "v1")

    assert np.isnan(pairs.moves_bp[:2]).all()
    assert np.isfinite(pairs.moves_bp[2:]).all()
    assert np.isnan(paired_forecasts(VENUE, "v2", "v1", moves=False).moves_bp).all()


def test_pairs_too_many_are_thinned_by_whole_ticks() -> None:
    say_forecasts({"v1": moves(16), "v2": moves(16)}, moves(16))

    pairs = paired_forecasts(VENUE, "v2", "v1", most=10)

    assert pairs.every == 4
    assert pairs.n == 8
    assert set(pairs.decided_ms // TICK_MS % 4) == {0}


def test_pairs_of_strangers_are_none() -> None:
    say_forecasts({"v1": moves(2)}, moves(2))

    pairs = paired_forecasts(VENUE, "v9", "v1")

    assert (pairs.n, pairs.mine.shape) == (0, (0, 6))
    assert paired_signals(VENUE, "1h", "v9", "v1").mine.shape == (0, 3)


def test_signal_pairs_hold_the_first_timely_answer_of_each_candle() -> None:
    shares = RANDOM.dirichlet((2, 2, 2), size=(2, 3, len(SYMBOLS)))
    labels = np.array([[0, 1], [2, 0], [1, 1]])
    say_signals({"v1": shares[0], "v2": shares[1]}, labels, atr_ratio=0.02)
    first = Signal.objects.filter(model_version="v2").order_by("candle_close", "symbol")[0]
    second = Signal.objects.get(pk=first.pk)
    second.pk, second.revision, second.p_long = None, 1, 0.999
    second.save()
    SignalOutcome.objects.create(
        signal=second, status="graded", touched="LONG", known_ts=first.candle_close
    )
    late = Signal.objects.filter(model_version="v1", symbol="ETHUSDT", candle_close=FIRST_TICK_MS)
    with tampering():
        late.update(late=True)

    pairs = paired_signals(VENUE, "1h", "v2", "v1")

    assert pairs.n == 5
    assert pairs.label.tolist() == [0, 2, 0, 1, 1]
    np.testing.assert_allclose(pairs.mine, shares[1].reshape(-1, 3)[[0, 2, 3, 4, 5]])
    np.testing.assert_allclose(pairs.theirs, shares[0].reshape(-1, 3)[[0, 2, 3, 4, 5]])
    np.testing.assert_allclose(pairs.atr_ratio, 0.02)
    assert not pairs.limited
    assert paired_signals(VENUE, "1h", "v2", "v1", most=4).limited
