"""Importing candle files: names, columns, times, and every bad row under its reason."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from market.candles.importing.files import ImportFileError, candle_files, identify
from market.candles.importing.importer import ImportedDataset, Importer
from market.candles.importing.tables import read_rows
from market.candles.importing.times import utc_ms
from market.candles.sanity import RowFault
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe

UTC_ZONE = ZoneInfo("UTC")
HOUR = Timeframe.H1.ms
START = 1_704_067_200_000  # 2024-01-01
NOW = START + 1_000 * HOUR
HEADER = "date,open,high,low,close,volume"


def csv_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def run(
    tmp_path: Path, *paths: Path, keep_last: bool = True, now_ms: float = NOW, timezone: str = "UTC"
) -> tuple[list[ImportedDataset], list[str]]:
    importer = Importer(CandleStore(tmp_path / "store"), "binance", ZoneInfo(timezone), keep_last)
    return importer.run(paths, None, None, now_ms)


def stored(tmp_path: Path) -> list[int]:
    store = CandleStore(tmp_path / "store")
    return list(store.read(("binance",), "BTCUSDT", Timeframe.H1).open_ms)


@pytest.mark.parametrize(
    "name",
    [
        "BTC_USDT-1h.feather",
        "BTCUSDT-1h.csv",
        "btcusdt-1h-2024-01.zip",
        "BTCUSDT-1h.csv.zip",
        "BTCUSDT/1h.csv.zip",
        "BTCUSDT/1h.parquet",
        "BTCUSDT/1h/2024-01.parquet",
    ],
)
def test_identify_usual_names(name: str) -> None:
    file = identify(Path("somewhere") / name, None, None)

    assert (file.symbol, file.timeframe) == ("BTCUSDT", Timeframe.H1)


@pytest.mark.parametrize("name", ["coinbase-btcusd-daily.zip", "BTCUSDT-8h.csv", "x.csv"])
def test_identify_names_that_do_not_tell_are_refused(name: str) -> None:
    with pytest.raises(ImportFileError, match=rf"{name}.*--symbol and --timeframe .1m, 5m"):
        identify(Path(name), None, None)


def test_identify_what_is_given_goes_before_the_name() -> None:
    file = identify(Path("SOL_USDT-1h.csv"), "ETHUSDT", Timeframe.D1)

    assert (file.symbol, file.timeframe) == ("ETHUSDT", Timeframe.D1)


def test_candle_files_of_a_folder_are_found_within(tmp_path: Path) -> None:
    for name in ("a/BTCUSDT-1h.csv", "b/c/ETHUSDT-1h.FEATHER", "notes.txt", "b/.hidden.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [path.name for path in candle_files(tmp_path)] == [
        "BTCUSDT-1h.csv",
        "ETHUSDT-1h.FEATHER",
    ]


@pytest.mark.parametrize("name", ["missing.csv", "notes.txt", "empty"])
def test_candle_files_of_nothing_usable_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()

    with pytest.raises(ImportFileError, match=name):
        list(candle_files(tmp_path / name))


@pytest.mark.parametrize(
    "text",
    [
        "1704067200",
        "1704067200.0",
        "1704067200000",
        "1704067200000000",
        "1704067200000000000",
        "20240101",
        "2024-01-01",
        "20240101 00:00",
        "2024-01-01 00:00:00",
        "2024-01-01T00:00:00Z",
        "2024-01-01T01:00:00+01:00",
        " 2024-01-01T00:00:00.000+00:00 ",
    ],
)
def test_times_as_texts(text: str) -> None:
    assert utc_ms(pl.Series([text]), UTC_ZONE).to_list() == [START]


def test_times_of_one_column_may_differ_in_kind() -> None:
    column = pl.Series(["2024-01-01", "1704067200", "soon", None, "nan", ""])

    assert utc_ms(column, UTC_ZONE).to_list() == [START, START, None, None, None, None]


@pytest.mark.parametrize("unit", [10**0, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64])
def test_times_as_epochs_of_any_unit(unit: int, kind: type[pl.DataType]) -> None:
    column = pl.Series([START // 1_000 * unit, (START + HOUR) // 1_000 * unit]).cast(kind)

    assert utc_ms(column, UTC_ZONE).to_list() == [START, START + HOUR]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_as_datetimes(unit: Literal["ms", "us", "ns"]) -> None:
    naive = pl.Series([datetime(2024, 1, 1)]).cast(pl.Datetime(unit))  # noqa: DTZ001

    assert utc_ms(naive, UTC_ZONE).to_list() == [START]
    assert utc_ms(naive, ZoneInfo("Asia/Tokyo")).to_list() == [START - 9 * HOUR]
    aware = naive.dt.replace_time_zone("Europe/Berlin")
    assert utc_ms(aware, ZoneInfo("Asia/Tokyo")).to_list() == [START - HOUR]


def test_times_that_a_clock_change_skips_are_unreadable() -> None:
    texts = pl.Series(["2024-03-31 01:30", "2024-03-31 02:30", "2024-03-31 03:30"])

    first, skipped, last = utc_ms(texts, ZoneInfo("Europe/Berlin")).to_list()

    assert skipped is None
    assert last - first == HOUR


def test_rows_of_each_kind_of_file_are_the_same(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "Date": [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in range(3)],
            "Open": [1.0, 2.0, 3.0],
            "High": [2.0, 3.0, 4.0],
            "Low": [0.5, 1.0, 2.0],
            "Close": [2, 3, 4],
            "Volume": [10.0, 0.0, 5.5],
        }
    )
    csv = frame.with_columns(pl.col("Date").dt.epoch("s")).write_csv()
    frame.write_ipc(tmp_path / "a.feather")
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("\ufeff" + csv)
    (tmp_path / "bare.csv").write_text(csv.split("\n", 1)[1])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside.csv", csv.replace("\n", "\r\n"))
        archive.writestr("readme.txt", "no candles")

    for path in sorted(tmp_path.iterdir()):
        rows = read_rows(path, UTC_ZONE)
        assert rows.open_ms.tolist() == [START, START + HOUR, START + 2 * HOUR], path
        assert rows.close.tolist() == [2, 3, 4]
        assert rows.volume.tolist() == [10, 0, 5.5]


def test_rows_of_a_file_without_a_column_are_refused_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_text(csv_of("1704067200,1,1,1,1", header="date,open,high,low,close"))

    with pytest.raises(ImportFileError, match=r"BTCUSDT-1h\.csv.*volume"):
        read_rows(path, UTC_ZONE)


def test_rows_of_a_file_with_other_words_for_columns_are_refused_naming_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_text(csv_of("1704067200,1,1,1,1,1", header="when,o,h,l,c,v"))

    with pytest.raises(ImportFileError, match="it has when, o, h, l, c, v"):
        read_rows(path, UTC_ZONE)


@pytest.mark.parametrize("suffix", [".feather", ".parquet", ".zip", ".csv"])
def test_rows_of_a_damaged_file_are_refused_naming_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"BTCUSDT-1h{suffix}"
    path.write_bytes(b"" if suffix == ".csv" else b"PAR1 no such thing")

    with pytest.raises(ImportFileError, match="BTCUSDT-1h"):
        read_rows(path, UTC_ZONE)


def test_import_bad_rows_are_counted_by_reason_and_good_ones_kept(tmp_path: Path) -> None:
    def at(hour: float) -> str:
        return str(int(START / 1e3 + hour * 3_600))

    path = tmp_path / "BTC_USDT-1h.csv"
    path.write_text(
        csv_of(
            f"{at(0)},10,12,9,11,5",
            f"{at(1)},10,12,9,x,5",
            f"{at(2)},10,12,9,inf,5",
            f"{at(3)},10,12,9,11",
            f"{at(4)},0,12,0,11,5",
            f"{at(5)},10,10.5,9,11,5",
            f"{at(6)},10,12,10.5,11,5",
            f"{at(7)},10,12,9,11,-5",
            f"{at(8.5)},10,12,9,11,5",
            "never,10,12,9,11,5",
            f"{at(9)},10,12,9,11,0",
            f"{at(9)},10,12,9,11,7",
            f"{at(999.5)},10,12,9,11,5",
            f"{at(1000)},10,12,9,11,5",
        )
    )

    reports, errors = run(tmp_path, path, keep_last=False, now_ms=NOW)

    assert not errors
    (report,) = reports
    assert report.refused == {
        RowFault.NOT_FINITE: 3,
        RowFault.PRICE_NOT_POSITIVE: 1,
        RowFault.HIGH_TOO_LOW: 1,
        RowFault.LOW_TOO_HIGH: 1,
        RowFault.NEGATIVE_VOLUME: 1,
        RowFault.OFF_GRID: 2,
        RowFault.TIME_UNREADABLE: 1,
        RowFault.DUPLICATE_TIME: 1,
        RowFault.NOT_CLOSED: 1,
    }
    assert (report.rows, report.good, report.added) == (14, 2, 2)
    assert (report.gaps, report.missing) == (1, 8)
    assert stored(tmp_path) == [START, START + 9 * HOUR]


def test_import_last_row_is_left_out_unless_it_must_have_closed(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_text(csv_of(*(f"{START // 1000 + 3600 * hour},1,1,1,1,1" for hour in range(3))))

    (report,), _ = run(tmp_path, path, keep_last=False)
    assert report.refused == {RowFault.LAST_ROW: 1}
    assert stored(tmp_path) == [START, START + HOUR]

    (report,), _ = run(tmp_path, path)
    assert (report.added, report.unchanged) == (1, 2)


def test_import_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_text(csv_of(*(f"{START // 1000 + 3600 * hour},1,1,1,1,1" for hour in range(3))))
    (first,), _ = run(tmp_path, path)

    (again,), _ = run(tmp_path, path)

    assert first.newest_is_new and not again.newest_is_new
    assert (again.added, again.unchanged) == (0, 3)


def test_import_several_files_of_one_dataset_are_one(tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    later = csv_of(f"{START // 1000 + 3600},1,1,1,1,1")
    (folder / "BTCUSDT-1h-2024-01.csv").write_text(later)
    (folder / "BTCUSDT-1h-2024-02.csv").write_text(csv_of(f"{START // 1000},1,1,1,1,1"))
    (folder / "BTCUSDT-1h-2024-03.csv").write_text("not,candles\n1,2\n")

    (report,), errors = run(tmp_path, folder)

    assert (report.files, report.added) == (2, 2)
    assert len(errors) == 1 and "2024-03" in errors[0]
    assert stored(tmp_path) == [START, START + HOUR]


def test_import_naive_times_are_of_the_zone_named(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_text(csv_of("2024-01-01 09:00,1,1,1,1,1"))

    run(tmp_path, path, timezone="Asia/Tokyo")

    assert stored(tmp_path) == [START]


def test_import_damaged_store_file_is_an_error_of_that_dataset_alone(tmp_path: Path) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        content = io.StringIO(csv_of(f"{START // 1000},1,1,1,1,1"))
        (tmp_path / f"{symbol}-1h.csv").write_text(content.read())
    damaged = tmp_path / "store" / "binance" / "BTCUSDT" / "1h" / "2024-01.parquet"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")

    reports, errors = run(tmp_path, tmp_path / "BTCUSDT-1h.csv", tmp_path / "ETHUSDT-1h.csv")

    assert [report.symbol for report in reports] == ["ETHUSDT"]
    assert len(errors) == 1 and str(damaged) in errors[0]
