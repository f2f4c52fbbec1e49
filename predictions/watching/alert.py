"""One thing that is wrong, how bad it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: something stands still; something is lacking; good to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong. code: for programs; subject: a process, a store or settings."""

    code: str
    severity: Severity
    subject: str
    message: str
    action: str
