"""Signing checkpoints while the log grows: what the recorder's process does beside its logs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from predictions.transparency.checkpoints import InconsistentLogError, sign_checkpoint
from predictions.transparency.notes import Signer
from predictions.transparency.signing import (
    SigningKeyError,
    load_or_make,
    log_name,
    refuse_second_key,
)
from predictions.transparency.tiles import IncompleteTreeError

log = structlog.get_logger(__name__)

EVERY_SECONDS = 45.0
"""Under a minute, so that a busy recorder keeps the minute."""

FIRST_SECONDS = 2.0
"""Until this process has signed once: a new log soon has a checkpoint."""


@dataclass(slots=True)
class CheckpointChore:
    """Signs the tree's state where it has grown. What keeps it from signing is told, not raised."""

    key_file: Path
    origin: str = ""
    name: str = "checkpoints"
    _signer: Signer | None = field(init=False, default=None)
    _size: int | None = field(init=False, default=None)
    _error: str = field(init=False, default="")

    @property
    def every_seconds(self) -> float:
        """How long it rests."""
        return FIRST_SECONDS if self._size is None else EVERY_SECONDS

    def run(self) -> bool:
        """Sign once; nothing ever waits."""
        try:
            if self._signer is None:
                refuse_second_key(self.key_file)
                self._signer = load_or_make(self.key_file, log_name(self.origin))
            signed = sign_checkpoint(self._signer)
        except (SigningKeyError, InconsistentLogError, IncompleteTreeError) as error:
            # Recording goes on: what was said must not be lost because it cannot be signed.
            if str(error) != self._error:
                log.error("checkpoint_not_signed", error=str(error))
            self._error = str(error)
            return False
        self._error = ""
        if signed:
            self._size = signed.size
        return False

    def detail(self) -> dict[str, Any]:
        """Return the size last signed here, and what keeps it from signing now."""
        return {"size": self._size, "error": self._error}
