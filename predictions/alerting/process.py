"""From settings to a running process of alerts. The one place that makes senders."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings

from predictions.alerting.loop import AlertConfig, AlertLoop
from predictions.alerting.notifying import AppriseSender
from predictions.models import Channel
from predictions.outbox.sending import Sender
from predictions.outbox.targets import Target, targets
from predictions.webhooks.posting import WebhookSender

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
    """Run until told to stop. Raises TargetError where an address cannot be read."""
    config = build_config()
    await AlertLoop(config, build_senders(config)).run(stopping)


def _sender(target: Target) -> Sender:
    if target.channel is Channel.WEBHOOK:
        return WebhookSender(target, settings.WEBHOOK_KEY, lambda: datetime.now(UTC))
    return AppriseSender(target)
