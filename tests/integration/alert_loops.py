"""The process of alerts in a test: its steps by hand, its time by hand, its judgement given."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from asgiref.sync import async_to_sync

from predictions.alerting.judging import Judgement
from predictions.alerting.lead import Lead
from predictions.alerting.loop import AlertConfig, AlertLoop
from predictions.alerting.notifying import AppriseSender
from predictions.models import Channel
from predictions.outbox.sending import Sender
from predictions.outbox.targets import targets
from predictions.watching.alert import Alert, Severity
from predictions.webhooks.posting import WebhookSender

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOLD, RECOVERY = 15.0, 30.0
KEY = b"k" * 32
SITE = "http://127.0.0.1:8000"


def wrong(
    code: str = "feed_down", subject: str = "market", severity: Severity = Severity.CRITICAL
) -> Alert:
    return Alert(code, severity, subject, "No exchange answers.", "See the network.")


@dataclass
class Clock:
    """One time for rows, incidents and leases."""

    now: datetime = START

    def __call__(self) -> float:
        return self.now.timestamp()

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class AlertRun:
    """One process of alerts. wrong: what its looks find."""

    clock: Clock
    alerts: tuple[str, ...] = ()
    notified: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    least_confidence: float = 0.7
    owner: str = "one"
    settle_seconds: float = 0.0
    wrong: list[Alert] = field(default_factory=list)
    unknown: Callable[[tuple[str, str]], bool] = lambda _: False
    loop: AlertLoop = field(init=False)

    def __post_init__(self) -> None:
        config = AlertConfig(
            alerts=targets(Channel.ALERT, self.alerts),
            signals=(
                *targets(Channel.NOTIFICATION, self.notified),
                *targets(Channel.WEBHOOK, self.webhooks),
            ),
            least_confidence=self.least_confidence,
            hold_seconds=HOLD,
            recovery_seconds=RECOVERY,
            site=SITE,
            settle_seconds=self.settle_seconds,
        )
        senders: dict[str, Sender] = {
            each.key: WebhookSender(each, KEY, lambda: self.clock.now)
            if each.channel is Channel.WEBHOOK
            else AppriseSender(each)
            for each in (*config.alerts, *config.signals)
        }
        self.loop = AlertLoop(config, senders, Lead(self.owner, self.clock), self.clock, self._look)

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, then look, tell, and send what is due until it is settled."""
        self.clock.pass_by(seconds)
        async_to_sync(self._step)()

    def speak(self) -> None:
        """Only look for signals and send what is due, as between two looks."""
        async_to_sync(self._speak)()

    def beat(self) -> None:
        async_to_sync(self.loop.beat)()

    async def _speak(self) -> None:
        # Each step has an event loop of its own, and a lock that was waited for belongs to one.
        self.loop.dispatcher._writing = asyncio.Lock()
        self.loop.dispatcher._slots.clear()
        await self.loop.speak()
        await self.loop.dispatcher.settle()
        for sender in self.loop.senders.values():
            await sender.close()

    async def _step(self) -> None:
        await self.loop.watch()
        await self._speak()
        await self.loop.tidy()

    async def _look(self) -> Judgement:
        return Judgement(list(self.wrong), self.unknown)
