"""What checking the ledger finds: faults, which are named a row each, and notices.

Read by `manage.py verify_ledger`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was found. A fault is what nobody should have been able to do."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    UNSIGNED = "unsigned"
    GAP = "gap"
    RESTART = "restart"
    FORK = "fork"
    LATE_SIGNED = "late_signed"
    REPEATED = "repeated"
    PRUNED = "pruned"
    UNCHECKED = "unchecked"
    KEY = "key"

    @property
    def is_fault(self) -> bool:
        return self in _FAULTS


_FAULTS = frozenset({Kind.ALTERED, Kind.REMOVED, Kind.INSERTED, Kind.UNSIGNED})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that differs. row: the primary key, or what names the row that should be there."""

    kind: Kind
    model: str
    row: str
    field: str = ""
    stored: str = ""
    expected: str = ""
    message: str = ""

    def __str__(self) -> str:
        where = f"{self.model} {self.row}" + (f", {self.field}" if self.field else "")
        compared = f": is {self.stored}, expected {self.expected}" if self.field else ""
        return f"{self.kind}: {where}{compared}" + (f" ({self.message})" if self.message else "")

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items() if value != ""}


@dataclass(slots=True)
class Findings:
    """Passes findings on as they come, and counts. Nothing grows with what is found."""

    tell: Callable[[Finding], None]
    checked: Counter[str] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        return sum(count for kind, count in self.found.items() if kind.is_fault)

    def add(self, finding: Finding) -> None:
        self.found[finding.kind] += 1
        self.tell(finding)

    def count(self, kind: Kind, times: int = 1) -> None:
        """Count notices of which each single one says nothing new."""
        self.found[kind] += times

    def altered(
        self, model: str, row: object, field: str, stored: object, expected: object, why: str = ""
    ) -> None:
        """Name a field that is not what it must be."""
        self.add(Finding(Kind.ALTERED, model, str(row), field, shown(stored), shown(expected), why))

    def compare(self, model: str, row: object, pairs: dict[str, tuple[Any, Any]]) -> bool:
        """Name each field whose (stored, expected) differ; return whether all are the same."""
        same = True
        for name, (stored, expected) in pairs.items():
            if plain(stored) != plain(expected):
                self.altered(model, row, name, stored, expected)
                same = False
        return same


def plain(value: Any) -> Any:
    """Return a value in the form in which it is compared."""
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def shown(value: Any) -> str:
    """Return a value as a person reads it."""
    value = plain(value)
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
