"""Which rows may teach and which may judge: walk-forward by time, purged, with an embargo.

Recordings run side by side: each has its own time line from 0 (its first labelled decision)
to 1 (its last), and a cut at 0.8 cuts every recording at 80 % of its time. Rows of one
recording can therefore never teach about their own future.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FIRST_TEST = 0.4
FINAL_TEST = 0.8
FOLDS = 4


@dataclass(frozen=True, slots=True)
class Timeline:
    """When rows were decided and when their labels end. All [n]; times in ms."""

    recording: Integers
    decided_ms: Integers
    label_end_ms: Integers

    def cut_ms(self, share: float) -> Integers:
        """Return, for each row, the time at `share` (0..1) of its own recording."""
        cuts = np.zeros(len(self.decided_ms), dtype=np.int64)
        for recording in np.unique(self.recording):
            mine = self.recording == recording
            start, end = self.decided_ms[mine].min(), self.decided_ms[mine].max()
            cuts[mine] = start + round(share * float(end - start))
        return cuts


@dataclass(frozen=True, slots=True)
class Split:
    """Row masks: weights are fitted on `fit`, calibrated on the later `calibrate`, judged on
    the still later `test`."""

    fit: Mask
    calibrate: Mask
    test: Mask


@dataclass(frozen=True, slots=True)
class ProtocolSplits:
    """Four expanding folds whose tests tile 40 % to 80 % of time, and the final split.

    The final split's test, the last 20 %, is opened once, after every choice was made. What is
    shipped was fitted on the final split's `fit` and calibrated on its `calibrate` rows.
    """

    folds: tuple[Split, ...]
    final: Split


def protocol_splits(
    timeline: Timeline, *, calibration_share: float, embargo_ms: int
) -> ProtocolSplits:
    """Split by time, purged by the labels' ends; one set of splits for every model."""
    folds = walk_forward(
        timeline,
        first=FIRST_TEST,
        last=FINAL_TEST,
        folds=FOLDS,
        calibration_share=calibration_share,
        embargo_ms=embargo_ms,
    )
    final = split_at(
        timeline, FINAL_TEST, 1.0, calibration_share=calibration_share, embargo_ms=embargo_ms
    )
    return ProtocolSplits(tuple(folds), final)


def between(
    timeline: Timeline, start: float, end: float, *, embargo_ms: int, last: bool = False
) -> Mask:
    """Return the rows decided in [start, end) whose labels end an embargo before `end`.

    With `last` nothing follows, so nothing is purged. start, end: shares of each recording.
    """
    begun = timeline.decided_ms >= timeline.cut_ms(start)
    if last:
        return begun
    kept: Mask = begun & (timeline.label_end_ms + embargo_ms < timeline.cut_ms(end))
    return kept


def split_at(
    timeline: Timeline, start: float, end: float, *, calibration_share: float, embargo_ms: int
) -> Split:
    """Test on [start, end); fit on what came before, calibrating on its later part."""
    boundary = start * (1 - calibration_share)
    closed = end >= 1.0
    test = timeline.decided_ms >= timeline.cut_ms(start)
    if not closed:
        test &= timeline.decided_ms < timeline.cut_ms(end)
    return Split(
        fit=between(timeline, 0.0, boundary, embargo_ms=embargo_ms),
        calibrate=between(timeline, boundary, start, embargo_ms=embargo_ms),
        test=test,
    )


def walk_forward(
    timeline: Timeline,
    *,
    first: float,
    last: float,
    folds: int,
    calibration_share: float,
    embargo_ms: int,
) -> list[Split]:
    """Return expanding folds whose tests tile [first, last) in time.

    A test row whose label reaches past `last` is dropped: that time is not opened yet.
    """
    edges = np.linspace(first, last, folds + 1)
    unopened = timeline.cut_ms(last) if last < 1.0 else None
    splits = []
    for start, end in pairwise(edges):
        split = split_at(
            timeline,
            float(start),
            float(end),
            calibration_share=calibration_share,
            embargo_ms=embargo_ms,
        )
        test = split.test if unopened is None else split.test & (timeline.label_end_ms < unopened)
        splits.append(Split(split.fit, split.calibrate, test))
    return splits
