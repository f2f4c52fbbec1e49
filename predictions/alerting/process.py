"""From settings to a running process of alerts. The one place that makes senders."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from django.conf import settings

from predictions.alerting.addresses import ALLOWED, unreadable_addresses
from predictions.alerting.loop import AlertConfig, AlertLoop
from predictions.alerting.notifying import AppriseSender, TargetError
from predictions.models import Channel
from predictions.outbox.sending import Sender
from predictions.outbox.targets import Target, targets
from predictions.webhooks.posting import WebhookSender

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 20.0
"""In which the other processes of an instance have started, too."""


def build_config() -> AlertConfig:
    """Return what the settings say."""
    return AlertConfig(
        alerts=targets(Channel.ALERT, settings.ALERT_URLS),
        signals=(
            *targets(Channel.NOTIFICATION, settings.SIGNAL_ALERT_URLS),
            *targets(Channel.WEBHOOK, settings.WEBHOOK_URLS),
        ),
        least_confidence=settings.SIGNAL_ALERT_CONFIDENCE,
        hold_seconds=settings.ALERT_HOLD_SECONDS,
        recovery_seconds=settings.ALERT_RECOVERY_SECONDS,
        site=settings.PUBLIC_URL,
        settle_seconds=SETTLE_SECONDS,
    )


def build_senders(config: AlertConfig) -> dict[str, Sender]:
    """Return a sender for each address, by its key. Raises TargetError."""
    return {target.key: _sender(target) for target in (*config.alerts, *config.signals)}


async def serve(stopping: Callable[[], bool]) -> None:
    """Run until told to stop, with the addresses that can be read; the others are named once.

    Raises TargetError where none can.
    """
    for each in unreadable_addresses():
        log.error("address_unreadable", setting=each.setting, number=each.position,
                  scheme=each.scheme, allowed=ALLOWED)  # fmt: skip
    config = build_config()
    senders = _readable_senders(config)
    config = replace(
        config,
        alerts=tuple(each for each in config.alerts if each.key in senders),
        signals=tuple(each for each in config.signals if each.key in senders),
    )
    await AlertLoop(config, senders).run(stopping)


def _readable_senders(config: AlertConfig) -> dict[str, Sender]:
    senders: dict[str, Sender] = {}
    refused: TargetError | None = None
    for target in (*config.alerts, *config.signals):
        try:
            senders[target.key] = _sender(target)
        except TargetError as error:
            refused = error
    if refused is not None and not senders:
        raise refused
    return senders


def _sender(target: Target) -> Sender:
    if target.channel is Channel.WEBHOOK:
        return WebhookSender(target, settings.WEBHOOK_KEY, lambda: datetime.now(UTC))
    return AppriseSender(target)
