"""Drift: sketches, shifts and their bounds, watches over a record. Constructed and simulated."""

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter

from predictions.promotion.told import (
    DriftFigure,
    DriftKind,
    DriftTold,
    SlotDrift,
    decode_drift,
    encode_drift,
    fresh_drift,
)
from predictions.watching.drift_troubles import drift_troubles
from training.drift.shifts import Shift, shift
from training.drift.sketches import Sketch, effective_n, sketch
from training.drift.watches import last_change

Floats = npt.NDArray[np.float64]
WEEK = 1008
STEP_MS = 600_000
TIMES = np.arange(WEEK) * STEP_MS
HOUR_MS = 3_600_000
HOURS = np.arange(672) * HOUR_MS


def noise(seed: int, count: int = WEEK, correlation: float = 0.0, heavy: bool = False) -> Floats:
    """Return a stationary series of mean 0 and variance 1 (heavy: Student's t with 3)."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(3, count + 500) / np.sqrt(3) if heavy else rng.normal(size=count + 500)
    series: Floats = lfilter([1.0], [1.0, -correlation], shocks)[500:]
    series *= np.sqrt(1 - correlation**2)
    return series


def moved(change: Callable[[Floats], Floats], before: Floats | None = None) -> Shift:
    reference = sketch(noise(1) if before is None else before, TIMES)
    return shift(reference, change(noise(2) if before is None else before.copy()), TIMES)


def test_shift_of_a_stationary_input_is_small_and_no_drift() -> None:
    found = moved(lambda values: values)

    assert found.psi is not None and found.effect is not None
    assert found.psi < 0.05
    assert found.effect < 0.08
    assert found.drifted is False


def test_shift_by_a_standard_deviation_has_the_figures_of_the_normal_distribution() -> None:
    found = moved(lambda values: values + 1)

    assert found.effect == pytest.approx(0.383, abs=0.04), "2·Φ(1/2) − 1"
    assert found.psi == pytest.approx(0.95, abs=0.2), "near the symmetric divergence, 1"
    assert found.drifted is True


def test_shift_of_the_spread_alone_is_drift_by_both_figures() -> None:
    found = moved(lambda values: values * 3)

    assert found.effect == pytest.approx(0.25, abs=0.05)
    assert found.drifted is True


def test_shift_of_a_discrete_input_keeps_ties_in_one_bin() -> None:
    before = np.where(noise(3) > 0.5, np.floor(np.exp(noise(4)) * 3), 0.0)

    assert moved(lambda values: values, before).psi == pytest.approx(0.0, abs=1e-9)
    assert moved(lambda values: np.roll(values, 100), before).drifted is False
    assert moved(lambda values: np.zeros(WEEK), before).drifted is True


def test_shift_of_a_constant_input_to_another_constant_is_the_largest_there_is() -> None:
    found = moved(lambda values: values + 1, np.full(WEEK, 7.0))

    assert found.effect == 1.0
    assert found.drifted is True


def test_shift_of_void_values_counts_though_the_known_ones_stay() -> None:
    def emptied(values: Floats) -> Floats:
        values[::2] = np.nan
        return values

    found = moved(emptied)

    assert found.effect == pytest.approx(0.5)
    assert found.drifted is True
    assert moved(lambda values: np.full(WEEK, np.nan)).drifted is True


def test_shift_against_what_was_always_void_says_so() -> None:
    void = np.full(WEEK, np.nan)

    assert moved(lambda values: values, void).drifted is False
    assert moved(lambda values: noise(5), void).drifted is True


def test_shift_against_a_reference_of_minutes_is_told_but_not_judged() -> None:
    minutes = np.arange(WEEK) * 1000
    reference = sketch(noise(1), minutes)

    found = shift(reference, noise(2) + 5, TIMES)

    assert reference.n_eff is None
    assert found.psi is not None and found.psi > 1
    assert (found.bound, found.effect_bound, found.drifted) == (None, None, None)


def test_shift_of_nothing_is_unknown() -> None:
    found = shift(sketch(noise(1), TIMES), np.zeros(0), np.zeros(0, dtype=np.int64))

    assert (found.psi, found.effect, found.drifted, found.n) == (None, None, None, 0)


def test_sketch_is_read_back_as_it_was_written() -> None:
    before = sketch(noise(1), TIMES)

    assert msgspec.json.decode(msgspec.json.encode(before), type=Sketch) == before


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 1008), (0.9, 53), (0.97, 15)])
def test_effective_n_follows_the_correlation(correlation: float, expected: float) -> None:
    found = [effective_n(noise(seed, correlation=correlation), TIMES) for seed in range(20)]

    # For a first-order process n·(1 − φ)/(1 + φ); of shares below a point somewhat more.
    middle = float(np.median([each for each in found if each is not None]))
    assert expected * 0.8 < middle < expected * 2


def test_effective_n_of_symbols_that_move_together_is_that_of_one() -> None:
    alone = effective_n(noise(1, correlation=0.9), TIMES)
    together = effective_n(np.tile(noise(1, correlation=0.9), 10), np.tile(TIMES, 10))

    assert together == pytest.approx(alone)


def test_bounds_hold_on_stationary_input_that_is_correlated_and_heavy_tailed() -> None:
    drifted = usual = 0
    for seed in range(60):
        whole = np.exp(noise(seed, 3 * WEEK, correlation=0.98, heavy=True))  # half-life 5.7 h
        found = shift(sketch(whole[:WEEK], TIMES), whole[2 * WEEK :], TIMES)
        drifted += bool(found.drifted)
        usual += found.psi is not None and found.psi > 0.25

    assert drifted <= 1
    assert usual > 6, "PSI's usual bound for independent rows would have cried wolf"


def test_last_change_of_a_stationary_record_is_none() -> None:
    changes = [last_change(noise(seed, 672, 0.3, heavy=True), HOURS) for seed in range(60)]

    assert sum(each is None or each.since_ms is not None for each in changes) <= 1


def test_last_change_of_a_step_says_when_and_from_what_to_what() -> None:
    record = noise(1, 672)
    record[500:] += 2

    found = last_change(record, HOURS)

    assert found is not None and found.since_ms is not None and found.before is not None
    assert abs(found.since_ms / HOUR_MS - 500) <= 8
    assert found.before == pytest.approx(0.0, abs=0.2)
    assert found.mean == pytest.approx(2.0, abs=0.3)
    assert found.seen_ms is not None and found.seen_ms > found.since_ms


def test_last_change_run_again_on_the_same_record_is_the_same() -> None:
    record = noise(1, 672)
    record[300:] += 2

    assert last_change(record, HOURS) == last_change(record.copy(), HOURS.copy())


def test_last_change_of_a_short_record_is_unknown() -> None:
    assert last_change(noise(1, 23), HOURS[:23]) is None


def told(*figures: DriftFigure, venue: str = "binance") -> DriftTold:
    slot = SlotDrift(slot="forecasts", version="v7", figures=figures)
    return DriftTold(venue=venue, live=True, made_ms=1_000_000, slots=(slot,))


MOVED = DriftFigure(
    kind=DriftKind.FEATURE, name="spread_bp", value=1.5, drifted=True, worst="SOLUSDT", symbols=3
)
WORSE = DriftFigure(
    kind=DriftKind.LOSS, name="squared_error", value=1.1, reference=0.98, drifted=True
)
UNKNOWN = DriftFigure(kind=DriftKind.FEATURE, name="momentum", value=None)


def test_told_drift_is_read_back_and_forgotten_once_old() -> None:
    text = encode_drift(told(MOVED, UNKNOWN))

    assert decode_drift(text) == told(MOVED, UNKNOWN)
    assert fresh_drift(text, 1_000_000 + 7_199_000) == told(MOVED, UNKNOWN)
    assert fresh_drift(text, 1_000_000 + 7_200_000) is None
    assert decode_drift(b"{") is None
    assert decode_drift(None) is None


def test_drift_troubles_name_slot_version_and_figures() -> None:
    (alert,) = drift_troubles(told(UNKNOWN, MOVED, WORSE), "binance")

    assert (alert.code, alert.subject) == ("model_drifted", "forecasts")
    assert "v7" in alert.message
    assert "squared_error is 1.1 after 0.98" in alert.message
    assert "spread_bp (PSI 1.5 most in SOLUSDT)" in alert.message


@pytest.mark.parametrize(
    ("drift", "venue"),
    [(told(UNKNOWN), "binance"), (told(MOVED), "simulated"), (told(MOVED), None), (None, "x")],
)
def test_drift_troubles_of_nothing_known_or_another_market_are_none(
    drift: DriftTold | None, venue: str | None
) -> None:
    assert list(drift_troubles(drift, venue)) == []
