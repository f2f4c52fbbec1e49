"""Splits by time: what trains never knows what judges."""

import numpy as np
import pytest

from training.splits import Split, Timeline, split_at, walk_forward

HORIZON_MS = 10_000


def _timeline(*spans: tuple[int, int]) -> Timeline:
    times = [np.arange(start, start + length, 200) for start, length in spans]
    recording = np.repeat(np.arange(len(spans)), [len(one) for one in times])
    decided = np.concatenate(times)
    return Timeline(recording, decided, decided + HORIZON_MS)


TIMELINE = _timeline((1_000_000, 600_000), (90_000_000, 400_000))


def _folds() -> list[Split]:
    return walk_forward(
        TIMELINE, first=0.4, last=0.8, folds=4, calibration_share=0.25, embargo_ms=HORIZON_MS
    )


@pytest.mark.parametrize("recording", [0, 1])
def test_walk_forward_in_each_recording_keeps_labels_an_embargo_before_later_slices(
    recording: int,
) -> None:
    mine = TIMELINE.recording == recording
    for fold in _folds():
        fit, calibrate, test = fold.fit & mine, fold.calibrate & mine, fold.test & mine
        first_calibrated = TIMELINE.decided_ms[calibrate].min()
        first_tested = TIMELINE.decided_ms[test].min()
        assert TIMELINE.label_end_ms[fit].max() + HORIZON_MS < first_calibrated
        assert TIMELINE.label_end_ms[calibrate].max() + HORIZON_MS < first_tested


def test_walk_forward_tests_do_not_overlap_and_leave_the_last_part_closed() -> None:
    folds = _folds()
    times_tested = np.sum([fold.test for fold in folds], axis=0)
    assert times_tested.max() == 1
    opened = TIMELINE.cut_ms(0.8)
    for fold in folds:
        assert (TIMELINE.label_end_ms[fold.test] < opened[fold.test]).all()


def test_walk_forward_training_expands_fold_by_fold() -> None:
    sizes = [int(fold.fit.sum()) for fold in _folds()]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_split_at_the_end_tests_every_later_row_and_no_earlier_one() -> None:
    split = split_at(TIMELINE, 0.8, 1.0, calibration_share=0.25, embargo_ms=HORIZON_MS)
    assert (split.test == (TIMELINE.decided_ms >= TIMELINE.cut_ms(0.8))).all()
    assert not (split.fit & split.calibrate).any()
    assert not (split.test & (split.fit | split.calibrate)).any()


def test_cut_is_taken_at_each_recordings_own_share_of_time() -> None:
    cuts = TIMELINE.cut_ms(0.5)
    assert sorted(set(cuts.tolist())) == [1_000_000 + 299_900, 90_000_000 + 199_900]
