"""The chore that adds hours of forecasts up: when, what again, and how little at a time."""

from typing import Any

import pytest

from predictions.accuracy import chore as chore_module
from predictions.accuracy.chore import RollupChore
from predictions.accuracy.hours import HOUR_MS, MINUTE_MS
from predictions.accuracy.questions import ForecastQuestion, find_hours
from predictions.accuracy.rollups import adding_up, store_hour
from predictions.models import ForecastRollup, LedgerEntry
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.said_forecasts import VENUE, assert_same, came, from_rows, said, store


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
