"""What a way of sending is, whatever the address. Read by the dispatcher and by each way."""

from typing import Protocol

from predictions.models import Delivery


class SendError(Exception):
    """A message was not taken; it is tried again. The text holds no secret."""


class Sender(Protocol):
    """Sends to one address."""

    async def send(self, delivery: Delivery) -> None:
        """Send once. Raises SendError."""

    async def close(self) -> None:
        """Let go of connections."""
