"""Roll-ups of forecasts: the same figures as from rows, whatever was said and came true."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from inference.vocabulary import OutcomeStatus, Role, Source, Ungradable
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.questions import ForecastQuestion, find_hours
from predictions.accuracy.rollups import rebuild, store_hour
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from tests.integration.ledger import FIRST_TICK_MS, stored_leaf
from tests.integration.said_forecasts import (
    TICK_MS,
    VENUE,
    assert_same,
    came,
    from_rows,
    said,
    store,
)

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
