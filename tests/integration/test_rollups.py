"""Roll-ups of forecasts: the same figures as from rows, whatever was said and came true."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from inference.vocabulary import OutcomeStatus, Role, Source, Ungradable
from predictions.accuracy import chore as chore_module
from predictions.accuracy import questions
from predictions.accuracy.chore import RollupChore
from predictions.accuracy.forecasts import grouped, risk_coverage, summary
from predictions.accuracy.hours import HOUR_MS, MINUTE_MS, Hour, add_up
from predictions.accuracy.questions import (
    ForecastQuestion,
    TooMuchAskedError,
    find_hours,
    newest_ms,
)
from predictions.accuracy.rollups import adding_up, forecast_rows, rebuild, store_hour
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from predictions.moments import moment
from tests.integration.ledger import FIRST_TICK_MS, stored_leaf

TICK_MS = 2_000
VENUE = "test"


def said(leaf: LedgerEntry, index: int, **changes: Any) -> Forecast:
    """Store the forecast of the index-th tick, by default of a rise."""
    prediction_ts = changes.pop("prediction_ts", FIRST_TICK_MS + index * TICK_MS)
    fields = {
        "venue": VENUE,
        "live": False,
        "tick": prediction_ts // TICK_MS,
        "symbol": "BTCUSDT",
        "model_version": "v1",
        "base_version": "v1",
        "role": Role.CHAMPION,
        "source": Source.REDIS,
        "p_up": 0.5,
        "p_flat": 0.1,
        "p_down": 0.4,
    } | changes
    return Forecast(
        predicted_at=moment(prediction_ts),
        prediction_ts=prediction_ts,
        target_ts=prediction_ts + 10_000,
        made_ts=prediction_ts,
        leaf=leaf,
        **fields,
    )


def came(forecast: Forecast, return_bp: float, **changes: Any) -> ForecastOutcome:
    """Return the outcome of a forecast of one bp up."""
    fields = {
        "status": OutcomeStatus.GRADED,
        "return_bp": return_bp,
        "error_bp": 1.0 - return_bp,
        "no_change_error_bp": -return_bp,
        "direction_hit": None if return_bp == 0 else return_bp > 0,
        "covered": abs(return_bp) < 2,
    } | changes
    return ForecastOutcome(forecast=forecast, **fields)


def store(pairs: Sequence[tuple[Forecast, ForecastOutcome | None]]) -> None:
    Forecast.objects.bulk_create([forecast for forecast, _ in pairs])
    ForecastOutcome.objects.bulk_create([outcome for _, outcome in pairs if outcome is not None])


def from_rows(**question: Any) -> list[Hour]:
    asked = ForecastQuestion(venue=VENUE, **question)
    rows = forecast_rows(from_ms=asked.from_ms, to_ms=asked.to_ms, **asked.chosen())
    return sorted(add_up(rows), key=lambda hour: hour.key.hour_ts)


def assert_same(found: Sequence[Hour], expected: Sequence[Hour]) -> None:
    assert [(hour.key, hour.said, hour.late, hour.graded, hour.ungradable) for hour in found] == [
        (hour.key, hour.said, hour.late, hour.graded, hour.ungradable) for hour in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.blocks, other.blocks)
        np.testing.assert_array_equal(one.bins, other.bins)
    assert summary(found) == summary(expected)
    assert risk_coverage(found) == risk_coverage(expected)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "index": st.integers(0, 4_000),
            "symbol": st.sampled_from(["BTCUSDT", "ETHUSDT"]),
            "source": st.sampled_from([Source.REDIS, Source.TREND]),
            "late": st.booleans(),
            "p_up": st.none() | st.floats(0, 1),
            "status": st.sampled_from(list(OutcomeStatus)),
            "return_bp": st.sampled_from([0.0, 1.5, -0.25, 3.0]),
            "covered": st.none() | st.booleans(),
        }
    ),
    max_size=40,
    unique_by=lambda row: (row["index"], row["symbol"]),
)


@pytest.mark.django_db
class TestAnyLedger(TestCase):
    """A transaction of its own for every example."""

    @settings(max_examples=25, deadline=None)
    @given(rows=ROWS, cut=st.integers(0, 4_000), symbol=st.none() | st.just("ETHUSDT"))
    def test_rollups_of_any_ledger_give_the_figures_of_its_rows(
        self, rows: list[dict[str, Any]], cut: int, symbol: str | None
    ) -> None:
        leaf = stored_leaf()
        for row in rows:
            p_up = row["p_up"]
            forecast = said(
                leaf,
                row["index"],
                symbol=row["symbol"],
                source=row["source"],
                late=row["late"],
                p_up=p_up,
                p_down=None if p_up is None else (1 - p_up) / 2,
                p_flat=None if p_up is None else (1 - p_up) / 2,
            )
            outcome = came(forecast, row["return_bp"], covered=row["covered"])
            if row["status"] == OutcomeStatus.UNGRADABLE:
                outcome = ForecastOutcome(
                    forecast=forecast, status=row["status"], reason=Ungradable.NO_FORECAST
                )
            store([(forecast, outcome)])
        windows: list[dict[str, Any]] = [
            {},
            {"from_ms": FIRST_TICK_MS + cut * TICK_MS},
            {"to_ms": FIRST_TICK_MS + cut * TICK_MS},
        ]
        expected = [from_rows(symbol=symbol, **window) for window in windows]
        rebuild()
        assert ForecastRollup.objects.exists() == bool(rows)
        for window, wanted in zip(windows, expected, strict=True):
            asked = ForecastQuestion(venue=VENUE, symbol=symbol, **window)
            assert_same(find_hours(asked).hours, wanted)


@pytest.fixture
def leaf(db: None) -> LedgerEntry:
    return stored_leaf()


def test_late_forecasts_count_as_late_and_in_nothing_else(leaf: LedgerEntry) -> None:
    timely, late = said(leaf, 0), said(leaf, 1, late=True)
    store([(timely, came(timely, 1.0)), (late, came(late, -1.0))])
    [hour] = from_rows()
    assert (hour.said, hour.late, hour.graded) == (2, 1, 1)
    assert float(hour.blocks.sum(axis=0)[0]) == 1.0
    assert hour.bins.sum(axis=0).tolist()[0] == 1.0


def test_hour_without_a_rollup_of_what_is_asked_is_not_read_again_from_rows(
    leaf: LedgerEntry, django_assert_num_queries: Any
) -> None:
    for index in range(3):
        one = said(leaf, 0, prediction_ts=FIRST_TICK_MS + index * HOUR_MS)
        store([(one, came(one, 1.0))])
    rebuild()
    asked = ForecastQuestion(
        VENUE, source=Source.TREND, from_ms=FIRST_TICK_MS, to_ms=FIRST_TICK_MS + 3 * HOUR_MS
    )
    with django_assert_num_queries(3) as read:
        assert find_hours(asked).hours == []
    assert not [query for query in read if "predictions_forecastoutcome" in query["sql"]]


def test_shadows_count_only_where_they_are_asked_for(leaf: LedgerEntry) -> None:
    shadow = said(leaf, 0, role=Role.SHADOW)
    store([(shadow, came(shadow, 1.0))])
    rebuild()
    assert find_hours(ForecastQuestion(venue=VENUE)).hours == []
    asked = ForecastQuestion(venue=VENUE, role=Role.SHADOW.value)
    assert [hour.said for hour in find_hours(asked).hours] == [1]


def test_venues_are_never_mixed(leaf: LedgerEntry) -> None:
    here, there = said(leaf, 0), said(leaf, 0, venue="exchange", live=True)
    store([(here, came(here, 1.0)), (there, came(there, 1.0))])
    rebuild()
    [hour] = find_hours(ForecastQuestion(venue="exchange")).hours
    assert (hour.key.venue, hour.key.live, hour.said) == ("exchange", True, 1)


def test_hour_with_an_ungraded_forecast_is_not_added_up(leaf: LedgerEntry) -> None:
    open_one = said(leaf, 0)
    store([(open_one, None)])
    assert not store_hour(VENUE, FIRST_TICK_MS)
    assert not ForecastRollup.objects.exists()
    came(open_one, 1.0).save()
    assert store_hour(VENUE, FIRST_TICK_MS)
    assert ForecastRollup.objects.get().graded == 1


def test_hour_is_written_anew_where_forecasts_came_to_light(leaf: LedgerEntry) -> None:
    first, second = said(leaf, 0), said(leaf, 1)
    store([(first, came(first, 1.0))])
    assert store_hour(VENUE, FIRST_TICK_MS)
    store([(second, came(second, 1.0))])
    assert store_hour(VENUE, FIRST_TICK_MS)
    assert ForecastRollup.objects.get().said == 2


def test_hour_whose_rows_were_pruned_keeps_its_rollup(leaf: LedgerEntry) -> None:
    pair = [said(leaf, 0), said(leaf, 1)]
    store([(each, came(each, 1.0)) for each in pair])
    store_hour(VENUE, FIRST_TICK_MS)
    kept = ForecastRollup.objects.get()
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=FIRST_TICK_MS + HOUR_MS)
    ForecastOutcome.objects.filter(forecast=pair[0]).delete()
    Forecast.objects.filter(id=pair[0].id).delete()
    assert store_hour(VENUE, FIRST_TICK_MS)
    rebuilt = rebuild()
    assert (rebuilt.written, rebuilt.kept) == (0, [(VENUE, FIRST_TICK_MS, 2, 1)])
    assert ForecastRollup.objects.get().id == kept.id


def test_rollup_of_more_than_its_rows_is_written_anew_where_nothing_was_pruned(
    leaf: LedgerEntry,
) -> None:
    pair = [said(leaf, 0), said(leaf, 1)]
    store([(each, came(each, 1.0)) for each in pair])
    store_hour(VENUE, FIRST_TICK_MS)
    for venue, before_ts in ((VENUE, FIRST_TICK_MS), ("exchange", 2 * FIRST_TICK_MS)):
        Pruning.objects.create(engine="forecasts", venue=venue, before_ts=before_ts)
    ForecastRollup.objects.update(said=20)
    assert rebuild() == (1, [])
    assert ForecastRollup.objects.get().said == 2
    ForecastRollup.objects.update(said=20)
    assert store_hour(VENUE, FIRST_TICK_MS)
    assert ForecastRollup.objects.get().said == 2


def test_window_that_cuts_a_pruned_hour_shrinks_to_whole_hours(leaf: LedgerEntry) -> None:
    hours = [said(leaf, 0), said(leaf, 0, prediction_ts=FIRST_TICK_MS + HOUR_MS)]
    store([(each, came(each, 1.0)) for each in hours])
    rebuild()
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=FIRST_TICK_MS + 2 * HOUR_MS)
    half = HOUR_MS // 2
    asked = ForecastQuestion(
        VENUE, from_ms=FIRST_TICK_MS + half, to_ms=FIRST_TICK_MS + 2 * HOUR_MS + 1
    )
    found = find_hours(asked)
    assert found.from_ms == FIRST_TICK_MS + HOUR_MS
    assert [hour.key.hour_ts for hour in found.hours] == [FIRST_TICK_MS + HOUR_MS]


def test_last_takes_the_newest_graded_forecasts(leaf: LedgerEntry) -> None:
    made = [said(leaf, index) for index in range(5)]
    store([(each, came(each, 1.0)) for each in made[:4]])
    store([(made[4], None)])
    found = find_hours(ForecastQuestion(VENUE, last=2)).hours
    assert [hour.graded for hour in found] == [2]


def test_newest_is_the_rows_or_where_all_were_pruned_the_rollups(leaf: LedgerEntry) -> None:
    assert newest_ms(VENUE) is None
    one = said(leaf, 7)
    store([(one, came(one, 1.0))])
    assert newest_ms(VENUE) == FIRST_TICK_MS + 7 * TICK_MS
    rebuild()
    Pruning.objects.create(engine="forecasts", venue=VENUE, before_ts=FIRST_TICK_MS + HOUR_MS)
    ForecastOutcome.objects.all().delete()
    Forecast.objects.all().delete()
    assert newest_ms(VENUE) == FIRST_TICK_MS + HOUR_MS - 1


def test_bands_and_groups_add_up_to_the_whole(leaf: LedgerEntry) -> None:
    rng = np.random.default_rng(2)
    pairs = []
    for index in range(150):
        p_up = float(rng.uniform(0, 0.9))
        one = said(
            leaf, index, p_up=p_up, p_down=0.9 - p_up, symbol=["BTCUSDT", "ETHUSDT"][index % 2]
        )
        pairs.append((one, came(one, float(rng.choice([-1, 0, 1])))))
    store(pairs)
    hours = from_rows()
    whole = summary(hours)
    by_symbol, by_band = grouped(hours, "symbol"), grouped(hours, "band")
    assert [group["symbol"] for group in by_symbol] == ["BTCUSDT", "ETHUSDT"]
    assert sum(group["n"] for group in by_symbol) == whole["n"] == 150
    assert sum(band["said"] for band in by_band) == 150
    assert sum(band["hit_rate"]["n"] for band in by_band) == whole["hit_rate"]["n"]
    curve = risk_coverage(hours)
    assert (curve[0]["share"], curve[0]["said"]) == (1.0, 150)
    assert [point["said"] for point in curve] == sorted((p["said"] for p in curve), reverse=True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_chore_adds_up_an_hour_once_it_is_over_and_opens_it_for_what_comes_late(
    leaf: LedgerEntry,
) -> None:
    clock = Clock()
    chore = RollupChore(clock=clock)
    first = said(leaf, 0)
    store([(first, came(first, 1.0))])
    assert not chore.run()
    assert chore.detail() == {"hours": 0, "open": 1}
    after = said(leaf, 0, prediction_ts=FIRST_TICK_MS + HOUR_MS + MINUTE_MS)
    store([(after, came(after, 1.0))])
    assert chore.run()
    assert not chore.run()
    assert [each.hour_ts for each in ForecastRollup.objects.all()] == [FIRST_TICK_MS]
    late = said(leaf, 1)
    store([(late, came(late, 1.0))])
    assert chore.run()
    assert ForecastRollup.objects.get().said == 2


def test_chore_adds_up_the_last_hour_of_a_market_that_fell_silent(leaf: LedgerEntry) -> None:
    clock = Clock()
    one = said(leaf, 0)
    store([(one, came(one, 1.0))])
    chore = RollupChore(clock=clock)
    assert not chore.run()
    clock.now += chore.quiet_seconds
    assert chore.run()
    assert not chore.run()
    assert chore.detail() == {"hours": 1, "open": 0}


def test_chore_goes_on_past_an_hour_that_is_not_graded(leaf: LedgerEntry) -> None:
    open_one = said(leaf, 0)
    graded = said(leaf, 0, prediction_ts=FIRST_TICK_MS + HOUR_MS)
    newest = said(leaf, 0, prediction_ts=FIRST_TICK_MS + 3 * HOUR_MS)
    store([(open_one, None), (graded, came(graded, 1.0)), (newest, None)])
    chore = RollupChore(clock=Clock())
    assert chore.run()
    assert not chore.run()
    assert [each.hour_ts for each in ForecastRollup.objects.all()] == [FIRST_TICK_MS + HOUR_MS]


class SlowClock(Clock):
    """Each look at it lasts a second."""

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_chore_reads_a_symbol_a_run_and_writes_the_hour_once_all_are_read(
    leaf: LedgerEntry,
) -> None:
    symbols = ("SOLUSDT", "BTCUSDT", "ETHUSDT")
    for index, symbol in enumerate(symbols):
        one = said(leaf, index, symbol=symbol)
        store([(one, came(one, 1.5))])
    store([(said(leaf, 0, prediction_ts=FIRST_TICK_MS + 2 * HOUR_MS), None)])
    expected = from_rows(to_ms=FIRST_TICK_MS + HOUR_MS)
    chore = RollupChore(clock=SlowClock())
    runs = 0
    while not ForecastRollup.objects.exists():
        assert chore.run()
        runs += 1
    assert runs > 2 * len(symbols)
    assert_same(find_hours(ForecastQuestion(VENUE, to_ms=FIRST_TICK_MS + HOUR_MS)).hours, expected)
    assert [hour.key.symbol for hour in expected] == list(symbols)


def test_hour_that_grows_while_it_is_read_is_read_again(leaf: LedgerEntry) -> None:
    first, second = said(leaf, 0), said(leaf, 1)
    store([(first, came(first, 1.0))])
    pieces = adding_up(VENUE, FIRST_TICK_MS)
    next(pieces)
    next(pieces)
    store([(second, came(second, 1.0))])
    with pytest.raises(StopIteration) as ended:
        next(pieces)
    assert ended.value.value is False
    assert not ForecastRollup.objects.exists()
    assert store_hour(VENUE, FIRST_TICK_MS)
    assert ForecastRollup.objects.get().said == 2


def test_hour_is_read_outside_of_transactions(
    leaf: LedgerEntry, django_assert_num_queries: Any
) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        one = said(leaf, 0, symbol=symbol)
        store([(one, came(one, 1.0))])
    with django_assert_num_queries(17) as asked:
        assert store_hour(VENUE, FIRST_TICK_MS)
    kinds = [query["sql"].split()[0] for query in asked]
    within = kinds[kinds.index("SAVEPOINT") : kinds.index("RELEASE")]
    assert "SELECT" not in within
    assert len(within) < 4


def test_chore_finds_hours_that_were_never_added_up_whatever_their_age(
    leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chore_module, "RECOVERED_ROWS", 1)
    for hour in range(5):
        one = said(leaf, 0, prediction_ts=FIRST_TICK_MS + hour * HOUR_MS)
        store([(one, came(one, 1.0))])
    assert store_hour(VENUE, FIRST_TICK_MS + HOUR_MS)
    chore = RollupChore(clock=Clock())
    while chore.run():
        pass
    times = ForecastRollup.objects.values_list("hour_ts", flat=True)
    assert list(times) == [FIRST_TICK_MS + hour * HOUR_MS for hour in range(3)]
    assert chore.detail() == {"hours": 2, "open": 2}


def test_figures_under_the_minimum_are_null_beside_their_n(leaf: LedgerEntry) -> None:
    one = said(leaf, 0)
    store([(one, came(one, 1.0))])
    told = summary(from_rows())
    assert (told["hit_rate"]["n"], told["hit_rate"]["value"], told["hit_rate"]["baseline"]) == (
        1,
        None,
        None,
    )
    assert told["calibration"] == {"ece": None, "n": 1, "points": []}


def test_summary_of_a_hand_made_ledger(leaf: LedgerEntry) -> None:
    # 120 forecasts of one bp up, p_up 0.6, p_flat 0.1: 60 rose 1.5 bp, 40 fell 1 bp, 20 stood.
    returns = [1.5] * 60 + [-1.0] * 40 + [0.0] * 20
    pairs = []
    for index, return_bp in enumerate(returns):
        one = said(leaf, index, p_up=0.6, p_flat=0.1, p_down=0.3)
        pairs.append((one, came(one, return_bp)))
    store(pairs)
    told = summary(from_rows())
    near = lambda value: pytest.approx(value, rel=1e-5)  # noqa: E731  (float32 sums)
    assert (told["n"], told["hit_rate"]["n"], told["hit_rate"]["zero_moves"]) == (120, 100, 20)
    assert told["hit_rate"]["value"] == near(0.6)
    assert told["hit_rate"]["baseline"] == near(0.6)
    assert told["mae"]["mae_bp"] == near((60 * 0.5 + 40 * 2 + 20 * 1) / 120)
    assert told["mae"]["no_change_mae_bp"] == near((60 * 1.5 + 40) / 120)
    assert told["mae"]["value"] == near(130 / 130)
    assert told["r2"]["value"] == near(1 - (60 * 0.25 + 40 * 4 + 20) / (60 * 2.25 + 40))
    assert told["coverage"]["value"] == near(1.0)
    assert told["log_loss"]["value"] == near(
        -(60 * np.log(0.6) + 40 * np.log(0.3) + 20 * np.log(0.1)) / 120
    )
    shares = np.array([0.5, 1 / 6, 1 / 3])
    assert told["log_loss"]["baseline"] == near(-(shares * np.log(shares)).sum())
    assert told["brier"]["value"] == near(
        (60 * (0.16 + 0.01 + 0.09) + 40 * (0.36 + 0.01 + 0.49) + 20 * (0.36 + 0.81 + 0.09)) / 120
    )
    assert told["brier"]["baseline"] == near(1 - (shares**2).sum())
    assert told["calibration"]["ece"] == near(0.1)
    [point] = told["calibration"]["points"]
    assert (point["probability"], point["share"], point["n"]) == (near(0.6), near(0.5), 120)
    assert asdict(find_hours(ForecastQuestion(VENUE)))["from_ms"] is None


def test_question_about_too_much_is_refused(
    leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        one = said(leaf, 0, symbol=symbol)
        store([(one, came(one, 1.0))])
    rebuild()
    monkeypatch.setattr(questions, "MOST_HOURS", 2)
    with pytest.raises(TooMuchAskedError, match="name a symbol"):
        find_hours(ForecastQuestion(VENUE))
    assert len(find_hours(ForecastQuestion(VENUE, "BTCUSDT")).hours) == 1


def test_question_that_needs_too_many_rows_is_refused(
    leaf: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, symbol in enumerate(("BTCUSDT", "ETHUSDT", "BTCUSDT")):
        one = said(leaf, index, symbol=symbol)
        store([(one, came(one, 1.0))])
    monkeypatch.setattr(questions, "MOST_ROWS", 2)
    with pytest.raises(TooMuchAskedError, match="more than 2 forecasts"):
        find_hours(ForecastQuestion(VENUE))
    assert [hour.said for hour in find_hours(ForecastQuestion(VENUE, "BTCUSDT")).hours] == [2]
