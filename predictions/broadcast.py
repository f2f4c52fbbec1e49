"""Outcomes on their way to open pages: the Channels group that the web's hubs join.

Read by the recorder. Pages can do without an outcome, the ledger cannot do without a row: what
goes wrong here is counted and logged, never raised.
"""

import asyncio
from typing import Protocol

import structlog

from market import keys
from predictions.grading.forecast_outcomes import Frame

log = structlog.get_logger(__name__)

SEND_SECONDS = 2.0
FRAMES_A_MESSAGE = 1_000
"""A backlog's outcomes beyond this are not sent: pages show the newest ones."""


class ChannelLayer(Protocol):
    """What is used of a Channels layer."""

    async def group_send(self, group: str, message: dict[str, object]) -> None: ...


class OutcomeBroadcast:
    """Sends outcomes to the group; keeps one event loop, so that connections are reused."""

    def __init__(self, layer: ChannelLayer | None) -> None:
        self._layer = layer
        self._runner = asyncio.Runner()
        self.failures = 0

    def send(self, frames: list[Frame]) -> None:
        """Send one message `{"type": "outcomes", "frames": […]}`; never raises."""
        self._tell("outcomes", frames)

    def send_signals(self, frames: list[Frame]) -> None:
        """Send one message `{"type": "signal_outcomes", "frames": […]}`; never raises."""
        self._tell("signal_outcomes", frames)

    def close(self) -> None:
        self._runner.close()

    def _tell(self, kind: str, frames: list[Frame]) -> None:
        if self._layer is None or not frames:
            return
        message: dict[str, object] = {"type": kind, "frames": frames[-FRAMES_A_MESSAGE:]}
        try:
            self._runner.run(self._send(self._layer, message))
        except Exception as error:  # any layer may be configured, with errors of its own
            self.failures += 1
            log.warning("outcomes_not_sent", error=str(error), failures=self.failures)

    async def _send(self, layer: ChannelLayer, message: dict[str, object]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await layer.group_send(keys.PREDICTIONS_GROUP, message)
