"""What a run leaves on disk: one folder, each step's result in it, whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import joblib
from django.conf import settings

from market.files import replace_whole

RUNS = "training/runs"
CHALLENGER = "challenger"
FITS = "fits"
SEARCH = "search"
OUTCOME = "outcome.joblib"
ATTEMPTS = "attempts"


class RunFolder:
    """The folder of one run, by its number; shipping has one a slot, by name."""

    def __init__(self, name: int | str) -> None:
        self.path: Path = settings.VAR_DIR / RUNS / str(name)

    @property
    def challenger(self) -> Path:
        """Where the challenger's files are made, before they go into the store."""
        return self.path / CHALLENGER

    @property
    def fits(self) -> Path:
        """Where fits are kept as they end, so that none is made twice."""
        return self.path / FITS

    @property
    def search(self) -> Path:
        """Where the search for better options is kept."""
        return self.path / SEARCH

    def make(self) -> None:
        """Let the folder be there."""
        self.path.mkdir(parents=True, exist_ok=True)

    def keep_outcome(self, outcome: object, options: object, trials: object) -> None:
        """Write what walk-forward found, models among it: by which options, and what else was
        tried."""
        self._write(OUTCOME, lambda file: joblib.dump((outcome, options, trials), file))

    def outcome(self) -> tuple[Any, Any, Any]:
        """Return what `keep_outcome` kept. Raises OSError where it is not there."""
        # Our own file: nobody else writes into VAR_DIR, and models are no plain data.
        outcome, options, trials = joblib.load(self.path / OUTCOME)
        return outcome, options, trials

    def begun(self, step: str) -> int:
        """Count another beginning of a step; return how often it was begun."""
        path = self.path / ATTEMPTS
        words = path.read_text().split() if path.exists() else []
        count = int(words[1]) + 1 if words[:1] == [step] and len(words) == 2 else 1
        self._write(ATTEMPTS, lambda file: file.write(f"{step} {count}".encode()))
        return count

    def forget_attempts(self) -> None:
        """Count beginnings anew: the step waits, it did not die."""
        (self.path / ATTEMPTS).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all of it: what is worth keeping lies in the run's row and its version."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        self.make()
        replace_whole(self.path / name, write)
