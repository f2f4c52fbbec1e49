"""Each feature as a small picture: its usual range, and where it lay. Read by the record's pages.

Attributes of an SVG, since the pages allow no style of their own making.
"""

from dataclasses import dataclass

from dashboard.record.feature_words import FEATURE_WORDS
from predictions.feature_ranges import FeatureRange, FeatureRanges

WIDTH = 120.0
EDGE = 4.0
"""Room for the mark at the ends."""
FURTHEST = 3.0
"""Half widths of the range that the picture shows to either side of its middle."""


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """One row of the table. mark: where it lay, x in the picture; None where nothing is known.

    beyond: it lies outside of the picture, "low" or "high".
    """

    feature: FeatureRange
    words: str
    mark: float | None
    beyond: str

    @property
    def out(self) -> float | None:
        """How far outside, in half widths of the range."""
        position = self.feature.position
        return None if position is None else max(0.0, abs(position) - 1)


@dataclass(frozen=True, slots=True)
class FeaturePicture:
    """The table and what it rests on. outside: how many of the features; None: ranges unknown."""

    ranges: FeatureRanges
    lines: tuple[FeatureLine, ...]
    outside: int | None
    width: float = WIDTH
    range_from: float = round(WIDTH / 2 - (WIDTH / 2 - EDGE) / FURTHEST, 1)
    range_width: float = round(2 * (WIDTH / 2 - EDGE) / FURTHEST, 1)


def feature_picture(ranges: FeatureRanges | None) -> FeaturePicture | None:
    """Return the table's rows, furthest first; None once the entry is pruned."""
    if ranges is None:
        return None
    known = [each.outside for each in ranges.features if each.outside is not None]
    lines = tuple(_line(each) for each in ranges.features)
    return FeaturePicture(ranges, lines, sum(known) if known else None)


def _line(feature: FeatureRange) -> FeatureLine:
    words = FEATURE_WORDS.get(feature.name, "")
    if feature.position is None:
        return FeatureLine(feature, words, None, "")
    shown = max(-FURTHEST, min(FURTHEST, feature.position))
    beyond = "" if shown == feature.position else "high" if shown > 0 else "low"
    mark = WIDTH / 2 + shown / FURTHEST * (WIDTH / 2 - EDGE)
    return FeatureLine(feature, words, round(mark, 1), beyond)
