"""Datasets of forecasts from what this server recorded: knowable, of one market, known again."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from market.hot.vector import INDEX, TICK_MS
from market.recording.places import FEATURES, SymbolFolder
from tests.made_recordings import write_recording
from training import forecast_datasets
from training.decisions import decide
from training.forecast_datasets import build, dataset_path, load, save
from training.recorded_markets import recorded_markets, venue_folder
from training.recordings import TooLittleDataError, TrainingDataError
from training.synthetic import synthetic_cells


def features_file(folder: Path) -> Path:
    (hour, *_) = SymbolFolder(folder).hours(FEATURES)
    return SymbolFolder(folder).parquet(FEATURES, hour)


def rewrite(path: Path, change: pl.Expr) -> None:
    pl.read_parquet(path).with_columns(change).write_parquet(path)


def test_dataset_of_ticks_is_that_of_all_cells_on_the_loops_grid(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=4)
    every = decide([synthetic_cells(minutes=4, seed=1)])
    on_grid = every.take(every.on_grid)

    found = build([folder]).decisions

    for name in ("decided_ms", "features", "returns_bp", "moves_bp", "targets", "classes"):
        expected = getattr(on_grid, name)
        np.testing.assert_array_equal(getattr(found, name), expected, err_msg=name)


def test_dataset_of_a_truncated_recording_has_the_same_earlier_rows(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=6)
    whole = build([folder])
    path = features_file(folder)
    rows = pl.read_parquet(path)
    rows.head(len(rows) * 2 // 3).write_parquet(path)
    part = build([folder])
    count = len(part)

    assert 50 < count < len(whole)
    for name in ("decided_ms", "features", "returns_bp", "targets", "classes"):
        earlier = getattr(whole.decisions, name)[:count]
        np.testing.assert_array_equal(getattr(part.decisions, name), earlier, err_msg=name)
    assert part.digest != whole.digest


def test_dataset_never_learns_of_a_decision_whose_outcome_was_broken_off(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=4)
    whole = build([folder]).decisions.decided_ms
    gap = int(whole[40])
    lost = pl.col("cell_ms").is_between(gap - TICK_MS // 2, gap + TICK_MS // 2)
    volatility = pl.when(lost).then(float("nan")).otherwise(pl.col("price_volatility"))
    rewrite(features_file(folder), volatility.alias("price_volatility"))

    left = build([folder]).decisions.decided_ms

    # The tick itself, and the five whose ten seconds it lies in.
    assert sorted(set(whole.tolist()) - set(left.tolist())) == whole[35:41].tolist()


def test_dataset_never_labels_across_segments(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=4)
    whole = build([folder]).decisions.decided_ms
    later = pl.col("cell_ms") >= int(whole[60]) - TICK_MS // 2
    number = pl.when(later).then(pl.col("segment") + 1).otherwise(pl.col("segment"))
    rewrite(features_file(folder), number.alias("segment"))

    left = build([folder]).decisions.decided_ms

    assert sorted(set(whole.tolist()) - set(left.tolist())) == whole[55:60].tolist()


def test_symbols_of_a_venue_share_one_time_line(tmp_path: Path) -> None:
    write_recording(tmp_path, minutes=4)
    write_recording(tmp_path, minutes=2, start=2, symbol="ETHUSDT", seed=2)

    dataset = build([tmp_path / "binance"])
    alone = build([tmp_path / "binance"], ["ETHUSDT"])

    assert dataset.symbols == ("BTCUSDT", "ETHUSDT")
    assert set(dataset.decisions.recording.tolist()) == {0}
    assert (np.diff(dataset.decisions.decided_ms) >= 0).all()
    cut = dataset.decisions.timeline.cut_ms(0.8)
    assert len(set(cut.tolist())) == 1
    assert (alone.symbols, len(alone)) == (("ETHUSDT",), int((dataset.symbol == 1).sum()))


@pytest.mark.parametrize(
    ("one", "other"), [("binance", "kraken"), ("binance", "simulated/1"), ("binance", "replay/x")]
)
def test_recordings_of_two_venues_are_refused_naming_both(
    tmp_path: Path, one: str, other: str
) -> None:
    paths = [write_recording(tmp_path, minutes=1, venue=venue) for venue in (one, other)]
    with pytest.raises(TrainingDataError, match="never mixed") as refused:
        build(paths)
    assert f"{one} (" in str(refused.value)
    assert f"{other} (" in str(refused.value)


def test_symbols_that_are_not_recorded_are_refused_naming_those_that_are(tmp_path: Path) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        write_recording(tmp_path, minutes=1, symbol=symbol)
    told = "no recording of SOLUSDT to learn from; recorded are BTCUSDT, ETHUSDT"
    with pytest.raises(TrainingDataError, match=told):
        build([tmp_path / "binance"], ["BTCUSDT", "SOLUSDT"])


def test_frames_of_other_symbols_than_asked_for_are_refused_or_left_out(tmp_path: Path) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        (tmp_path / symbol).mkdir()
        told = {"e": "depthUpdate", "E": 1, "s": symbol, "U": 1, "u": 2, "b": [], "a": []}
        frame = {"stream": f"{symbol.lower()}@depth@100ms", "data": told}
        line = b"1700000000000000000 " + json.dumps(frame).encode()
        (tmp_path / symbol / "frames.gz").write_bytes(gzip.compress(line))
    paths = [tmp_path / "BTCUSDT", tmp_path / "ETHUSDT"]
    (kept,) = recorded_markets(paths, ["ETHUSDT"])
    assert kept.path == tmp_path / "ETHUSDT"
    with pytest.raises(TrainingDataError, match="recorded are BTCUSDT"):
        recorded_markets(paths[:1], ["ETHUSDT"])


def test_recording_that_is_named_twice_is_learned_from_once(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=1)
    assert len(build([folder, folder.parent, folder])) == len(build([folder]))


def test_venue_folder_is_the_running_ones_else_the_newest(tmp_path: Path) -> None:
    with pytest.raises(TooLittleDataError, match="nothing is recorded"):
        venue_folder(tmp_path, "binance")
    for venue in ("binance", "simulated/1"):
        write_recording(tmp_path, minutes=1, venue=venue)

    assert venue_folder(tmp_path, "binance").name == "binance"
    assert venue_folder(tmp_path, "kraken").name == "simulated%2F1"
    assert venue_folder(tmp_path).name == "simulated%2F1"


def test_dataset_file_is_read_back_and_a_damaged_one_refused(tmp_path: Path) -> None:
    dataset = build([write_recording(tmp_path, minutes=2)])
    dataset = replace(dataset, decisions=replace(dataset.decisions, grid_ms=2 * TICK_MS))
    path = dataset_path(tmp_path)
    save(dataset, path)
    again = load(path)
    np.testing.assert_array_equal(again.decisions.features, dataset.decisions.features)
    assert (again.digest, again.venue, again.symbols) == (dataset.digest, "binance", ("BTCUSDT",))
    assert again.span == dataset.span
    assert again.decisions.grid_ms == 2 * TICK_MS

    with np.load(path) as stored:
        values = dict(stored)
    values["returns_bp"] = values["returns_bp"] + 1
    np.savez(path, **values)
    with pytest.raises(TrainingDataError, match="damaged"):
        load(path)


def test_void_features_stay_void_and_required_ones_leave_no_row(tmp_path: Path) -> None:
    folder = write_recording(tmp_path, minutes=2)
    before = len(build([folder]))
    path = features_file(folder)
    rewrite(path, pl.lit(float("nan")).alias("vwap_dev_5s"))
    void = build([folder]).decisions
    assert len(void) == before
    assert np.isnan(void.features[:, INDEX["vwap_dev_5s"]]).all()

    rewrite(path, pl.lit(float("nan")).alias("spread_bp"))
    with pytest.raises(TooLittleDataError, match="no labelled decision yet"):
        build([folder])


def test_dataset_of_very_much_takes_every_nth_tick_and_then_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_recording(tmp_path, minutes=4)
    hours = len(SymbolFolder(folder).hours(FEATURES))
    every = build([folder]).decisions
    monkeypatch.setattr(
        forecast_datasets, "MOST_ROWS", hours * forecast_datasets.TICKS_AN_HOUR // 3
    )
    third = build([folder]).decisions
    monkeypatch.setattr(forecast_datasets, "MOST_ROWS", 10)
    monkeypatch.setattr(forecast_datasets, "MOST_THINNED", 5)
    newest = build([folder]).decisions

    kept = every.decided_ms[every.decided_ms % (3 * TICK_MS) == 0]
    np.testing.assert_array_equal(third.decided_ms, kept)
    assert [one.grid_ms for one in (every, third, newest)] == [TICK_MS, 3 * TICK_MS, 5 * TICK_MS]
    assert third.on_grid.all()
    apart = every.decided_ms[every.decided_ms % (5 * TICK_MS) == 0]
    np.testing.assert_array_equal(newest.decided_ms, apart[-10:])
    np.testing.assert_array_equal(
        newest.returns_bp, every.returns_bp[np.isin(every.decided_ms, newest.decided_ms)]
    )
