"""The candle store: idempotent, provisional gives way to confirmed, damage stays local."""

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.candles.merging import merge
from market.candles.sanity import RowFault
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError, Gap, venues_of
from market.candles.timeframes import Timeframe

HOUR = Timeframe.H1.ms
START = Timeframe.H1.open_of(1_719_700_000_000)  # the last days of June 2024
VENUE, SYMBOL = "binance", "BTCUSDT"


def series(
    *closes: float, start_ms: int = START, step_ms: int = HOUR, provisional: bool = False
) -> CandleSeries:
    close = np.array(closes, dtype=np.float64)
    opens = start_ms + step_ms * np.arange(len(close))
    flags = np.full(len(close), provisional)
    return CandleSeries(opens, close, close * 1.01, close * 0.99, close, close * 0 + 5.0, flags)


def same(first: CandleSeries, second: CandleSeries) -> bool:
    return all(
        np.array_equal(getattr(first, each.name), getattr(second, each.name))
        for each in fields(first)
    )


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    return CandleStore(tmp_path)


def test_store_same_rows_again_change_nothing(store: CandleStore) -> None:
    candles = series(*range(1, 100))
    first = store.upsert(VENUE, SYMBOL, Timeframe.H1, candles)
    stamp = store.stamp((VENUE,), SYMBOL, Timeframe.H1)

    again = store.upsert(VENUE, SYMBOL, Timeframe.H1, candles)

    assert len(first.added) == 99 and not len(again.stored) and again.unchanged == 99
    assert same(store.read((VENUE,), SYMBOL, Timeframe.H1), candles)
    assert store.stamp((VENUE,), SYMBOL, Timeframe.H1) == stamp


def test_store_part_files_are_months_and_years(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(*range(1, 100)))
    store.upsert(VENUE, SYMBOL, Timeframe.D1, series(*range(1, 300), step_ms=24 * HOUR)[0:0])
    days = series(*range(1, 300), start_ms=Timeframe.D1.open_of(START), step_ms=24 * HOUR)
    store.upsert(VENUE, SYMBOL, Timeframe.D1, days)

    hours = store.folder(VENUE, SYMBOL, Timeframe.H1)
    assert sorted(path.name for path in hours.glob("*.parquet")) == [
        "2024-06.parquet",
        "2024-07.parquet",
    ]
    years = store.folder(VENUE, SYMBOL, Timeframe.D1)
    assert sorted(path.name for path in years.glob("*.parquet")) == [
        "2024.parquet",
        "2025.parquet",
    ]
    assert same(store.read((VENUE,), SYMBOL, Timeframe.D1), days)


def test_store_confirmed_row_replaces_provisional_and_counts_the_mismatch(
    store: CandleStore,
) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 20, 30, provisional=True))

    done = store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 20.5, 30))

    assert len(done.confirmed) == 3
    assert done.mismatched.tolist() == [START + HOUR]
    assert same(store.read((VENUE,), SYMBOL, Timeframe.H1), series(10, 20.5, 30))


def test_store_difference_within_rounding_is_no_mismatch(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, provisional=True))

    done = store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10 + 1e-12))

    assert (len(done.confirmed), len(done.mismatched)) == (1, 0)


def test_store_provisional_row_never_replaces_confirmed(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 20))

    done = store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 21, 30, provisional=True))

    assert done.added.tolist() == [START + 2 * HOUR]
    assert done.mismatched.tolist() == [START + HOUR]
    read = store.read((VENUE,), SYMBOL, Timeframe.H1)
    assert read.close.tolist() == [10, 20, 30]
    assert read.provisional.tolist() == [False, False, True]


def test_store_confirmed_row_restates_confirmed(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 20))

    done = store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 21))

    assert done.restated.tolist() == [START + HOUR] == done.stored.tolist()
    assert store.read((VENUE,), SYMBOL, Timeframe.H1).close.tolist() == [10, 21]


def test_store_unclosed_candle_is_refused_and_counted(store: CandleStore) -> None:
    done = store.upsert(
        VENUE, SYMBOL, Timeframe.H1, series(10, 20, 30), closed_by_ms=START + 3 * HOUR - 1
    )

    assert done.refused == {RowFault.NOT_CLOSED: 1}
    assert len(store.read((VENUE,), SYMBOL, Timeframe.H1)) == 2


def test_store_rows_that_are_no_candles_are_refused_by_reason(store: CandleStore) -> None:
    candles = series(10, math.nan, -1, 40, 50, 60)
    candles.high[3] = 39
    candles.low[4] = 50.2
    candles.volume[5] = -1

    done = store.upsert(VENUE, SYMBOL, Timeframe.H1, candles)

    assert done.refused == {
        RowFault.NOT_FINITE: 1,
        RowFault.PRICE_NOT_POSITIVE: 1,
        RowFault.HIGH_TOO_LOW: 1,
        RowFault.LOW_TOO_HIGH: 1,
        RowFault.NEGATIVE_VOLUME: 1,
    }
    assert store.read((VENUE,), SYMBOL, Timeframe.H1).open_ms.tolist() == [START]


def test_store_rows_out_of_order_are_a_callers_error(store: CandleStore) -> None:
    with pytest.raises(ValueError, match="rise"):
        store.upsert(VENUE, SYMBOL, Timeframe.H1, series(1, 2)[np.array([1, 0])])


def test_read_as_of_a_time_gives_only_what_had_closed(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(*range(1, 200)))
    now = START + 120 * HOUR

    read = store.read((VENUE,), SYMBOL, Timeframe.H1, closed_by_ms=now, count=50)

    assert len(read) == 50
    assert read.open_ms[-1] == now - HOUR
    just_before = store.read((VENUE,), SYMBOL, Timeframe.H1, closed_by_ms=now - 1, count=50)
    assert just_before.open_ms[-1] == now - 2 * HOUR


def test_read_since_a_time_begins_there(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(*range(1, 200)))

    read = store.read((VENUE,), SYMBOL, Timeframe.H1, since_ms=START + 150 * HOUR)

    assert read.open_ms[0] == START + 150 * HOUR and len(read) == 49


def test_read_of_two_venues_lets_the_first_win(store: CandleStore) -> None:
    mine = series(1, 2, 3, start_ms=START + 2 * HOUR, provisional=True)
    store.upsert("replay/x/1", SYMBOL, Timeframe.H1, mine)
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(10, 20, 30))

    read = store.read((VENUE, "replay/x/1"), SYMBOL, Timeframe.H1)

    assert read.close.tolist() == [10, 20, 30, 2, 3]
    assert (np.diff(read.open_ms) == HOUR).all()


def test_read_nothing_stored_is_empty(store: CandleStore) -> None:
    assert len(store.read((VENUE,), SYMBOL, Timeframe.H1, count=210)) == 0
    assert store.stamp((VENUE,), SYMBOL, Timeframe.H1) == (None,)


@pytest.mark.parametrize("venue", ["", ".", "..", "..."])
def test_venue_without_a_name_is_refused(store: CandleStore, venue: str) -> None:
    with pytest.raises(ValueError, match="venue"):
        store.read((venue,), SYMBOL, Timeframe.H1)


def test_venue_with_slashes_is_one_folder(store: CandleStore, tmp_path: Path) -> None:
    store.upsert("replay/../x/1", SYMBOL, Timeframe.H1, series(1))

    assert len(list(tmp_path.iterdir())) == 1
    assert len(store.read(("replay/../x/1",), SYMBOL, Timeframe.H1)) == 1


def test_gaps_are_named_with_their_size(store: CandleStore) -> None:
    rows = np.array([0, 1, 5, 6, 8])
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(*range(1, 10))[rows])

    assert store.gaps(VENUE, SYMBOL, Timeframe.H1) == [
        Gap(START + 2 * HOUR, START + 4 * HOUR, 3),
        Gap(START + 7 * HOUR, START + 7 * HOUR, 1),
    ]


def test_stamp_changes_with_every_write(store: CandleStore) -> None:
    stamps = []
    for close in range(1, 30):
        store.upsert(VENUE, SYMBOL, Timeframe.H1, series(close))
        stamps.append(store.stamp((VENUE,), SYMBOL, Timeframe.H1))

    assert len(set(stamps)) == len(stamps)


def test_damaged_file_is_named_and_left_alone(store: CandleStore) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(1, 2))
    store.upsert(VENUE, "ETHUSDT", Timeframe.H1, series(3))
    path = next(store.folder(VENUE, SYMBOL, Timeframe.H1).glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
    before = path.read_bytes()

    with pytest.raises(CandleStoreError, match=path.name) as raised:
        store.read((VENUE,), SYMBOL, Timeframe.H1)
    with pytest.raises(CandleStoreError):
        store.upsert(VENUE, SYMBOL, Timeframe.H1, series(5))

    assert raised.value.code == "candles_missing"
    assert path.read_bytes() == before
    assert len(store.read((VENUE,), "ETHUSDT", Timeframe.H1)) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (pl.exclude("volume"), "volume"),
        (pl.all().cast(pl.String), "open_ms"),
        (pl.all().reverse(), "open_ms"),
        (pl.when(pl.col("open_ms") > START).then(pl.all()), "empty"),
    ],
)
def test_foreign_file_is_refused_naming_the_columns(
    store: CandleStore, change: pl.Expr, named: str
) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(1, 2))
    path = next(store.folder(VENUE, SYMBOL, Timeframe.H1).glob("*.parquet"))
    pl.read_parquet(path).select(change).write_parquet(path)

    with pytest.raises(CandleStoreError, match=named) as raised:
        store.read((VENUE,), SYMBOL, Timeframe.H1)

    assert raised.value.code == "columns_missing"


def test_failed_write_leaves_the_old_file(
    store: CandleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.upsert(VENUE, SYMBOL, Timeframe.H1, series(1, 2))

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("market.candles.parts.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        store.upsert(VENUE, SYMBOL, Timeframe.H1, series(7))

    assert store.read((VENUE,), SYMBOL, Timeframe.H1).close.tolist() == [1, 2]
    assert not list(store.folder(VENUE, SYMBOL, Timeframe.H1).glob("*.tmp"))


def test_venues_of_each_market() -> None:
    assert venues_of("simulated", "binance") == ("simulated",)
    assert venues_of("simulated/4", "binance") == ("simulated/4",)
    assert venues_of("replay/x/1", "binance") == ("binance", "replay/x/1")
    assert venues_of("external", "binance") == ("binance",)
    assert venues_of("binance", "kraken") == ("binance",)
    assert venues_of("coinbase", "binance") == ("coinbase",)
    other_server = "replay/binance@127.0.0.1:9000"
    assert venues_of(other_server, "binance") == (other_server,)


row = st.tuples(st.integers(0, 12), st.integers(1, 3), st.booleans())


@given(writes=st.lists(st.lists(row, max_size=8, unique_by=lambda each: each[0]), max_size=6))
def test_merge_agrees_with_a_plain_dictionary(writes: list[list[tuple[int, int, bool]]]) -> None:
    stored = CandleSeries.empty()
    plain: dict[int, tuple[int, bool]] = {}
    for write in writes:
        rows = sorted(write)
        columns = [np.array([each[index] for each in rows], float) for index in (0, 1)]
        opens, close = columns[0].astype(np.int64), columns[1]
        flags = np.array([each[2] for each in rows], np.bool_)
        verdict = merge(stored, CandleSeries(opens, close, close, close, close, close, flags))
        for open_ms, value, provisional in rows:
            old = plain.get(open_ms)
            if old is None or old[1] or not provisional:
                plain[open_ms] = (value, provisional)
        accounted = len(verdict.added) + verdict.unchanged
        accounted += len(verdict.confirmed) + len(verdict.revised) + len(verdict.restated)
        assert accounted == len(rows)
        assert verdict.changed or same(verdict.candles, stored)
        stored = verdict.candles
    assert stored.open_ms.tolist() == sorted(plain)
    expected = [plain[open_ms] for open_ms in sorted(plain)]
    assert list(zip(stored.close.tolist(), stored.provisional.tolist(), strict=True)) == expected
