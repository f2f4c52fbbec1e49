"""What an audit found: differences by name, what was checked, what could not be and why."""

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from inference.signals.signal import iso

MOST_KEPT = 200
"""Differences that a report holds; beyond it they are counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it should be.

    subject: a symbol, with its timeframe where it is about candles. time_ms: market time of
    the decision. size: how far apart, absolute; None where the values are no numbers.
    """

    engine: str
    venue: str
    subject: str
    time_ms: int
    column: str
    stored: float | str | None
    recomputed: float | str | None
    size: float | None

    def line(self) -> str:
        """Return it as a sentence."""
        size = "" if self.size is None else f", {self.size:.3g} apart"
        return (
            f"{self.engine} {self.subject} {iso(self.time_ms)} {self.column}: "
            f"{self.stored} against {self.recomputed}{size} ({self.venue})"
        )


@dataclass(slots=True)
class AuditReport:
    """checked: values compared, by kind. unchecked: predictions or moments, by reason.

    notes: sentences on what a reason leaves open.
    """

    checked: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    difference_count: int = 0

    @property
    def passed(self) -> bool:
        """Whether something was checked and nothing differs."""
        return not self.difference_count and bool(self.checked.total())

    def add(self, difference: Difference) -> None:
        self.difference_count += 1
        if len(self.differences) < MOST_KEPT:
            self.differences.append(difference)

    def as_object(self) -> dict[str, Any]:
        """Return it for `--json`; a value that is no finite number is text."""
        return {
            "passed": self.passed,
            "checked": dict(self.checked),
            "unchecked": dict(+self.unchecked),
            "notes": self.notes,
            "difference_count": self.difference_count,
            "differences": [_finite(asdict(each)) for each in self.differences],
        }

    def lines(self, shown: int = 20) -> list[str]:
        """Return it for people, the first differences by name."""
        lines = [f"checked    {name}: {count:,}" for name, count in sorted(self.checked.items())]
        lines += [
            f"unchecked  {name}: {count:,}" for name, count in sorted((+self.unchecked).items())
        ]
        lines += [f"note       {each}" for each in self.notes]
        lines += [f"differs    {each.line()}" for each in self.differences[:shown]]
        if self.difference_count > shown:
            lines.append(f"… and {self.difference_count - shown:,} more")
        if not self.checked.total():
            lines.append("nothing could be checked")
        return lines


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares values of one decision and tells the report."""

    report: AuditReport
    engine: str
    venue: str
    subject: str
    time_ms: int

    def numbers(
        self, kind: str, column: str, stored: float, recomputed: float, tolerance: float = 0.0
    ) -> None:
        """Compare two numbers; NaN equals NaN. tolerance: absolute."""
        self.report.checked[kind] += 1
        if stored == recomputed or (math.isnan(stored) and math.isnan(recomputed)):
            return
        if not abs(stored - recomputed) <= tolerance:
            self.differs(column, stored, recomputed)

    def values(self, kind: str, column: str, stored: object, recomputed: object) -> None:
        """Compare two values that are no numbers."""
        self.report.checked[kind] += 1
        if stored != recomputed:
            self._add(column, str(stored), str(recomputed), None)

    def differs(self, column: str, stored: float, recomputed: float) -> None:
        """Tell of two numbers that differ."""
        size = abs(stored - recomputed)
        self._add(column, stored, recomputed, None if math.isnan(size) else size)

    def _add(
        self,
        column: str,
        stored: float | str | None,
        recomputed: float | str | None,
        size: float | None,
    ) -> None:
        self.report.add(
            Difference(
                self.engine,
                self.venue,
                self.subject,
                self.time_ms,
                column,
                stored,
                recomputed,
                size,
            )
        )


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
