"""Takes up what was promoted, rolled back or replaced while the loop runs, between two ticks.

Files are looked at beside the ticks, and what is new is loaded and warmed in a thread; the loop
switches to it before its next tick. What is refused changes nothing but what health says: the
network that serves goes on.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from inference.artefacts.manifest import manifest_path
from inference.artefacts.manifest_files import SCALER_NAME
from inference.forecasts.forecaster import Speaker
from inference.health import ModelStatus
from inference.metrics import LoopMetrics

LOOK_SECONDS = 1.0
"""How often files are looked at: some dozen are, in a thread, right after a tick."""

RETRY_SECONDS = 30.0
"""How often a missing model is tried again, though no file of it changed."""

log = structlog.get_logger(__name__)

Stamps = tuple[tuple[int, int, int] | None, ...]
Load = Callable[[], tuple[Speaker, ModelStatus]]


class ModelWatch:
    """Knows what the files were when they were last read, and what serves since."""

    def __init__(
        self,
        places: Callable[[], tuple[Path, ...]],
        load: Load,
        serving: ModelStatus,
        metrics: LoopMetrics,
        stamps: Stamps | None = None,
    ) -> None:
        self.serving = serving
        self._places = places
        self._load = load
        self._metrics = metrics
        self._stamps = stamps_of(places()) if stamps is None else stamps
        self._accepted = serving.refused
        self._loaded_at = asyncio.get_running_loop().time()

    async def look(self) -> tuple[Speaker, ModelStatus] | None:
        """Return who is to speak from the next tick on; None where that stays as it is."""
        now = asyncio.get_running_loop().time()
        again = not self.serving.loaded and now - self._loaded_at >= RETRY_SECONDS
        found = await asyncio.to_thread(self._look, again)
        if found is None:
            return None
        self._loaded_at = now
        return self._judge(*found)

    def _look(self, again: bool) -> tuple[Speaker | None, ModelStatus] | None:
        # Before they are read: what changes meanwhile is met at the next look.
        stamps = stamps_of(self._places())
        if stamps == self._stamps and not again:
            return None
        self._stamps = stamps
        try:
            return self._load()
        except Exception as error:  # the outermost handler of a look: what serves goes on
            log.exception("model_not_loaded")
            refused = {"path": "", "code": "artefact_refused", "message": str(error)}
            return None, ModelStatus(self.serving.version, loaded=False, refused=(refused,))

    def _judge(
        self, speaker: Speaker | None, status: ModelStatus
    ) -> tuple[Speaker, ModelStatus] | None:
        for refused in status.refused:
            if refused not in self.serving.refused:
                self._metrics.artefacts_refused.labels(refused["code"]).inc()
        before = self.serving
        worse = any(refused not in self._accepted for refused in status.refused)
        if before.loaded and (worse or not status.loaded):
            if status.refused != before.refused:
                log.error("last_good_model_kept", version=before.version, digest=before.digest)
                self._metrics.model_switches.labels("kept").inc()
            before.refused = status.refused
            return None
        self._accepted = status.refused
        if speaker is None or (status.version, status.digest) == (before.version, before.digest):
            before.path, before.warnings = status.path, status.warnings
            before.refused = status.refused
            return None
        self._metrics.model_switches.labels("switched").inc()
        self.serving = status
        return speaker, status


def stamps_of(places: tuple[Path, ...]) -> Stamps:
    """Return what changes whenever a file in one of the places, or beside it, does."""
    beside = (
        each
        for place in places
        for each in (place, manifest_path(place), place.with_name(SCALER_NAME))
    )
    return tuple(_stamp(path) for path in beside)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
