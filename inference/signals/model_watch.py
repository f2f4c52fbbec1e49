"""Looks for promoted models beside the loop's work, and tells which files are refused."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from inference.artefacts.errors import RefusedArtefact
from inference.artefacts.signal_registry import ServedNetwork
from inference.signals.metrics import SignalMetrics
from inference.signals.status import SignalStatus

REFRESH_SECONDS = 1.0
"""How often promoted models are looked for: some milliseconds for all folders."""
TOLD_AGAIN_SECONDS = 30.0
"""How often coins that have no signal are asked again, though nothing is known to have changed."""

log = structlog.get_logger(__name__)


class ModelWatch:
    """Keeps the registry fresh; what is refused goes into the heartbeat and the metrics."""

    def __init__(
        self,
        refresh: Callable[[], object],
        refused: Callable[[], Sequence[RefusedArtefact]],
        status: SignalStatus,
        metrics: SignalMetrics,
        served: Callable[[], Sequence[ServedNetwork]] = tuple,
    ) -> None:
        self._refresh = refresh
        self._refused = refused
        self._served = served
        self._status = status
        self._metrics = metrics
        self._refreshed_at = self._told_at = time.monotonic()

    async def look(self) -> bool:
        """Take up promoted models; whether coins without a signal are to be asked again."""
        now = time.monotonic()
        if now - self._refreshed_at < REFRESH_SECONDS:
            return False
        self._refreshed_at = now
        changed = await asyncio.to_thread(self._take_up)
        self._tell(self._refused())
        if not changed and now - self._told_at < TOLD_AGAIN_SECONDS:
            return False
        self._told_at = now
        return True

    def _take_up(self) -> bool:
        # The outermost handler of a refresh: whatever fails, the models before go on.
        try:
            return bool(self._refresh())
        except Exception:
            log.exception("models_not_refreshed")
            return False

    def _tell(self, refused: Sequence[RefusedArtefact]) -> None:
        self._metrics.artefacts_refused.set(len(refused))
        self._status.refused = [
            {"path": str(each.path), "code": each.code.value, "message": each.message}
            for each in refused
        ]
        self._status.models = [each._asdict() for each in self._served()]
