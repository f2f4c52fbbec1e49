"""What can be wrong with an artefact: codes, and who acts on each error.

Read by the registry, by health and metrics (which show the codes), and by training.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inference.config import ConfigError


class Refusal(StrEnum):
    """Why an artefact is not served."""

    MISSING = "artefact_missing"
    REFUSED = "artefact_refused"
    DIGEST = "digest_mismatch"
    WIDTH = "width_mismatch"
    FEATURES = "features_mismatch"
    SCALER_MISSING = "scaler_missing"
    MANIFEST = "manifest_invalid"
    HORIZON = "horizon_mismatch"
    TORCH_MISSING = "torch_missing"
    TOO_SLOW = "artefact_too_slow"


@dataclass(frozen=True, slots=True)
class RefusedArtefact:
    """One artefact that was tried and not served, for health, metrics and the log."""

    path: Path
    code: Refusal
    message: str


def told_path(path: Path) -> str:
    """Return a path from `models/` or `versions/` on, or its last part: where an instance lies is
    nobody's."""
    for folder in ("models", "versions"):
        _, found, inside = str(path).rpartition(f"/{folder}/")
        if found:
            return f"{folder}/{inside}"
    return path.name


def printable(text: str) -> str:
    """Return a text as one line that a terminal may be given: names and files may hold anything."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class ArtefactError(Exception):
    """An artefact cannot be served. The registry tries the next place; a person mends the file."""

    def __init__(self, code: Refusal, path: Path, message: str) -> None:
        message = printable(message)
        super().__init__(f"{printable(str(path))}: {message}")
        self.code = code
        self.path = path
        self.message = message

    @property
    def told(self) -> str:
        """The message with the path from `models/` on: users of the API need no more of it."""
        return f"{printable(told_path(self.path))}: {self.message}"

    def as_refused(self) -> RefusedArtefact:
        return RefusedArtefact(self.path, self.code, str(self))


class HorizonMismatch(ConfigError):
    """Network and configuration look ahead by different times: start-up stops, a person acts."""


class ModelUnavailable(Exception):
    """No place holds a servable artefact. The loop forecasts a linear trend and goes on."""

    def __init__(self, refusals: tuple[RefusedArtefact, ...]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals
