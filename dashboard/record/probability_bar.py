"""Probabilities as parts of one bar. Read by the record's pages."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One class. start, width: in hundredths of the bar; share is None where nothing was said."""

    name: str
    way: str
    share: float | None
    start: float
    width: float


def probability_bar(classes: Sequence[tuple[str, str, float | None]]) -> list[Part]:
    """Lay classes (name, way, probability) side by side."""
    parts: list[Part] = []
    start = 0.0
    for name, way, share in classes:
        width = round(100 * (share or 0.0), 2)
        parts.append(Part(name, way, share, round(start, 2), width))
        start += width
    return parts
