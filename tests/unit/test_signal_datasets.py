"""Datasets of candle decisions: no look-ahead, no gap, the same from file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import CANDLES_NEEDED, WINDOW, indicators
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from tests.made_candles import START_MS, MadeSource, market, walk, write_feathers
from training.recordings import TrainingDataError
from training.signals.candles import FeatherFolders, read_daily_zip
from training.signals.datasets import SignalDataset, build, load, save
from training.signals.splitting import signal_splits

H1 = Timeframe.H1
COINS = ("AAAUSDT", "BBBUSDT")


def _dataset(count: int = 400) -> SignalDataset:
    return build(market(COINS, count, timeframe=H1), COINS, H1)


def test_build_of_whole_candles_labels_all_with_history_and_path() -> None:
    dataset = _dataset(400)
    each = 400 - (CANDLES_NEEDED - 1) - HORIZON_CANDLES
    assert len(dataset) == len(COINS) * each
    assert np.bincount(dataset.symbol).tolist() == [each, each]
    assert (np.diff(dataset.decided_ms) >= 0).all()
    assert (dataset.decided_ms == dataset.candle_open_ms + H1.ms).all()
    assert (dataset.label_end_ms == dataset.decided_ms + HORIZON_CANDLES * H1.ms).all()


def test_windows_of_decisions_are_the_indicators_up_to_the_last_closed_candle() -> None:
    source = market(COINS, 300, timeframe=H1)
    dataset = build(source, COINS, H1)
    row = int(np.flatnonzero(dataset.symbol == 1)[3])
    candles = source.read("BBBUSDT", H1)
    known = candles[candles.open_ms + H1.ms <= dataset.decided_ms[row]]
    expected = indicators(known)[-WINDOW:].astype(np.float32)
    assert dataset.windows(np.array([row]))[0] == pytest.approx(expected, rel=1e-5)
    assert dataset.entry[row] == known.close[-1]


def test_build_of_truncated_history_changes_no_earlier_decision() -> None:
    whole = market(COINS, 420, timeframe=H1)
    cut_ms = START_MS + 330 * H1.ms
    short = MadeSource(
        {key: candles[candles.open_ms < cut_ms] for key, candles in whole.candles.items()}
    )
    early, late = build(short, COINS, H1), build(whole, COINS, H1)
    same = late.take(np.flatnonzero(late.label_end_ms <= cut_ms))
    assert len(early) == len(same) > 0
    assert early.label.tolist() == same.label.tolist()
    assert early.decided_ms.tolist() == same.decided_ms.tolist()
    rows = np.arange(len(early))
    assert np.array_equal(early.windows(rows), same.windows(rows))


def test_build_around_a_gap_has_no_decision_whose_window_or_path_touches_it() -> None:
    candles = walk(600, seed=1, step_ms=H1.ms)
    holed = candles[np.arange(600) != 300]
    dataset = build(MadeSource({("AAAUSDT", H1): holed}), ("AAAUSDT",), H1)
    missing = int(candles.open_ms[300])
    begun = dataset.candle_open_ms - (CANDLES_NEEDED - 1) * H1.ms
    assert len(dataset) > 0
    assert ((dataset.label_end_ms <= missing) | (begun > missing)).all()


def test_build_with_too_few_candles_is_refused() -> None:
    with pytest.raises(TrainingDataError, match="210 candles before it and 12 after"):
        build(market(COINS, CANDLES_NEEDED + 11, timeframe=H1), COINS, H1)


def test_build_with_a_finer_path_takes_the_touch_from_it() -> None:
    coarse = walk(300, seed=3, step_ms=H1.ms)
    # Inside each hour the price is at the close from the first quarter on.
    quarters = CandleSeries(
        open_ms=(coarse.open_ms[:, None] + 900_000 * np.arange(4)).ravel(),
        **{
            name: np.repeat(getattr(coarse, source), 4)
            for name, source in (
                ("open", "close"),
                ("high", "close"),
                ("low", "close"),
                ("close", "close"),
                ("volume", "volume"),
            )
        },
        provisional=np.zeros(1200, dtype=np.bool_),
    )
    both = MadeSource({("AAAUSDT", H1): coarse, ("AAAUSDT", Timeframe.M15): quarters})
    dataset = build(both, ("AAAUSDT",), H1)
    touched = dataset.touch_minutes[np.isfinite(dataset.touch_minutes)]
    assert len(touched)
    # Every touch is an hour's first open: none falls inside an hour.
    assert (touched % 60 == 0).all()


def test_load_of_a_saved_dataset_gives_it_back(tmp_path: Path) -> None:
    dataset, path = _dataset(), tmp_path / "one.npz"
    save(dataset, path)
    again = load(path)
    assert again.symbols == dataset.symbols
    assert again.digest == dataset.digest
    assert again.timeframe is H1
    assert np.array_equal(again.label, dataset.label)
    assert np.array_equal(again.indicators, dataset.indicators, equal_nan=True)


def test_load_of_a_file_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(TrainingDataError, match="is no dataset"):
        load(path)


def test_load_of_changed_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    save(_dataset(), path)
    with np.load(path) as stored:
        values = dict(stored)
    values["label"] = 2 - values["label"]
    np.savez(path, **values)
    with pytest.raises(TrainingDataError, match="damaged"):
        load(path)


def test_feather_folders_leave_out_the_last_candle_and_name_what_is_no_feather(
    tmp_path: Path,
) -> None:
    source = market(COINS, 20, timeframe=H1)
    write_feathers(source, tmp_path)
    read = FeatherFolders(tmp_path).read("AAAUSDT", H1)
    assert np.array_equal(read.open_ms, source.read("AAAUSDT", H1).open_ms)
    assert np.array_equal(read.close, source.read("AAAUSDT", H1).close)
    (tmp_path / "1h" / "BBB_USDT-1h.feather").write_bytes(b"nothing")
    with pytest.raises(TrainingDataError, match=r"BBB_USDT-1h\.feather is no feather"):
        FeatherFolders(tmp_path).read("BBBUSDT", H1)


def test_daily_zip_is_read_in_order_without_impossible_rows(tmp_path: Path) -> None:
    path = tmp_path / "daily.zip"
    rows = "20150102 00:00,10,12,9,11,5\n20150101 00:00,9,11,8,10,4\n20150103 00:00,9,1,8,10,4\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("btcusd.csv", rows)
    candles = read_daily_zip(path)
    assert candles.open_ms.tolist() == [1_420_070_400_000, 1_420_156_800_000]
    assert candles.close.tolist() == [10, 11]


def test_splits_of_a_dataset_never_teach_what_ends_after_the_test_begins() -> None:
    dataset = _dataset(700)
    splits = signal_splits(dataset)
    embargo = HORIZON_CANDLES * H1.ms
    last_tested = 0
    for split in (*splits.folds, splits.final):
        tests = dataset.decided_ms[split.test]
        calibrates = dataset.decided_ms[split.calibrate]
        assert dataset.label_end_ms[split.calibrate].max() + embargo <= tests.min()
        assert dataset.label_end_ms[split.fit].max() + embargo <= calibrates.min()
        assert tests.min() > last_tested
        last_tested = int(tests.max())
    opened = dataset.decided_ms[splits.final.test].min()
    for split in splits.folds:
        assert dataset.label_end_ms[split.test].max() <= opened


def test_timeline_over_a_gap_of_years_takes_one_step() -> None:
    old = walk(300, seed=5, step_ms=H1.ms, start_ms=START_MS - 10_000 * H1.ms)
    source = market(COINS, 300, timeframe=H1)
    dataset = build(source, COINS, H1, more=[("AAAUSDT", old)])
    steps = np.unique(dataset.timeline.decided_ms)
    assert (np.diff(steps) == H1.ms).all()
    assert dataset.decided_ms.min() < START_MS
