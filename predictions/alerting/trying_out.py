"""One test message to every address, without the database. Run by `manage.py send_test_alert`."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from predictions.alerting.process import build_config, build_senders
from predictions.alerting.wording import of_test
from predictions.models import Channel, Delivery
from predictions.outbox.sending import Sender, SendError
from predictions.outbox.targets import Target


@dataclass(frozen=True, slots=True)
class Tried:
    """One address, and why it did not take the message; "" where it did."""

    channel: str
    target: str
    error: str


async def try_all() -> list[Tried]:
    """Send to each address once. Raises TargetError where one cannot be read."""
    config = build_config()
    senders = build_senders(config)
    every = (*config.alerts, *config.signals)
    try:
        return list(
            await asyncio.gather(*(_try(each, senders[each.key], config.site) for each in every))
        )
    finally:
        for sender in senders.values():
            await sender.close()


async def _try(target: Target, sender: Sender, site: str) -> Tried:
    delivery = Delivery(
        channel=target.channel.value,
        message_id=f"test_{secrets.token_hex(8)}",
        payload=_webhook_test() if target.channel is Channel.WEBHOOK else of_test(site),
    )
    try:
        await sender.send(delivery)
    except SendError as error:
        return Tried(target.channel.value, target.shown, str(error))
    return Tried(target.channel.value, target.shown, "")


def _webhook_test() -> dict[str, Any]:
    return {"type": "test", "timestamp": datetime.now(UTC).isoformat(), "data": {}}
