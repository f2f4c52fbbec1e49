"""The process of alerts: looks, tells, sends, and beats, each at its own pace.

Run by `manage.py run_alerts`. One of several processes leads; the others beat and wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction

from predictions.alerting import incident_rows, new_signals
from predictions.alerting.database import AWAY, forget_connection, in_database
from predictions.alerting.dispatching import Dispatcher
from predictions.alerting.heartbeat import BEAT_SECONDS, beat
from predictions.alerting.incident_rows import Told
from predictions.alerting.incidents import IncidentBook
from predictions.alerting.judging import Judgement, judge, read_measured
from predictions.alerting.lead import Lead, LeadLostError
from predictions.models import Delivery
from predictions.outbox import rows
from predictions.outbox.sending import Sender
from predictions.outbox.targets import Target
from predictions.webhooks.measured import NOTHING_MEASURED, Measured

log = structlog.get_logger(__name__)

WATCH_SECONDS = 2.0
SPEAK_SECONDS = 0.4
"""How often new signals are looked for; the recorder takes up to half a second before."""
TIDY_SECONDS = 5.0
PRUNE_EVERY = 120
"""Tidyings from one pruning to the next."""


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """All that the process needs, frozen at its start. site: what links begin with.

    settle_seconds: after its start nothing is judged: what starts beside it is not down.
    """

    alerts: tuple[Target, ...]
    signals: tuple[Target, ...]
    least_confidence: float
    hold_seconds: float
    recovery_seconds: float
    site: str
    settle_seconds: float = 0.0


@dataclass(slots=True)
class AlertLoop:
    """Leads or stands by. clock: UTC seconds; look: how it is judged what is wrong."""

    config: AlertConfig
    senders: Mapping[str, Sender]
    lead: Lead = field(default_factory=Lead)
    clock: Callable[[], float] = time.time
    look: Callable[[], Awaitable[Judgement]] = judge
    dispatcher: Dispatcher = field(init=False)
    _book: IncidentBook = field(init=False)
    _unwritten: list[Told] = field(init=False, default_factory=list)
    _leaf: int | None = field(init=False, default=None)
    _restored: bool = field(init=False, default=False)
    _measured: Measured = field(init=False, default=NOTHING_MEASURED)
    _counts: dict[str, dict[str, int]] = field(init=False, default_factory=dict)
    _newly_dead: int = field(init=False, default=0)
    _settled_at: float = field(init=False)
    _tidied: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.senders, self._now)
        self._settled_at = self.clock() + self.config.settle_seconds
        self._book = IncidentBook(self.config.hold_seconds, self.config.recovery_seconds)

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Go on until told to stop."""
        paces = (
            (self.watch, WATCH_SECONDS),
            (self.speak, SPEAK_SECONDS),
            (self.tidy, TIDY_SECONDS),
            (self.beat, BEAT_SECONDS),
        )
        tasks = [asyncio.create_task(_every(step, seconds)) for step, seconds in paces]
        try:
            while not stopping():  # noqa: ASYNC110  (the flag is set by a signal)
                await asyncio.sleep(0.1)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.dispatcher.close()
            with suppress(*AWAY):
                await in_database(self.lead.give_back)

    async def watch(self) -> bool:
        """Keep or take the lead, look what is wrong, and write what is to be told; lead or not."""
        if not await self._leads():
            self._restored = False
            return False
        await self._restore()
        self._measured = await read_measured()
        if self.config.alerts and self.clock() >= self._settled_at:
            judged = await self.look()
            changes = self._book.observe(judged.alerts, self.clock(), judged.is_unknown)
            for change in changes:
                log.warning("incident", change=type(change).__name__.lower(),
                            code=change.alert.code, subject=change.alert.subject)  # fmt: skip
            if changes:
                now = self._now()
                told = incident_rows.told(changes, self.config.alerts, self.config.site, now)
                self._unwritten.append(told)
            await self._write_changes()
        return True

    async def speak(self) -> bool:
        """Write messages of new signals and begin to send what is due; return whether any was."""
        if not self.lead.leading:
            return False
        if self.config.signals and self._restored:
            try:
                await in_database(self._write_signals)
            except LeadLostError:
                return False
            except AWAY as error:
                await self._database_away(error)
        return await self.dispatcher.step()

    async def tidy(self) -> None:
        """Mark as dead what came too late, count what waits, and delete what is old."""
        if not self.lead.leading:
            return
        try:
            await self.dispatcher.bury()
            self._counts = await in_database(rows.counts)
            self._newly_dead = await in_database(rows.newly_dead, self._now())
            self._tidied += 1
            if self._tidied % PRUNE_EVERY == 1:
                await in_database(rows.prune, self._now())
        except AWAY as error:
            await self._database_away(error)

    async def beat(self) -> None:
        """Write the heartbeat."""
        detail: dict[str, Any] = {
            "leading": self.lead.leading,
            "incidents": len(self._book.open),
            "channels": self._counts,
            "dead": self._newly_dead,
            **self.dispatcher.detail(),
        }
        await beat("healthy" if self.lead.leading else "standby", detail)

    async def _leads(self) -> bool:
        try:
            return await in_database(self.lead.hold)
        except AWAY as error:
            await self._database_away(error)
            return self.lead.hold_alone()

    async def _restore(self) -> None:
        if self._restored:
            return
        try:
            told = await in_database(incident_rows.open_incidents)
            self._leaf = await in_database(self._first_leaf)
        except LeadLostError:
            return
        except AWAY as error:
            await self._database_away(error)
            return
        if not self._unwritten:
            self._book.forget()
        self._book.restore(told)
        self._restored = True

    def _first_leaf(self) -> int:
        # Of a first start everything before it is past; -1 in an empty ledger.
        leaf = self.lead.leaf()
        if leaf is None:
            newest = new_signals.newest_leaf()
            leaf = -1 if newest is None else newest
            with transaction.atomic():
                self.lead.fence(leaf)
        return leaf

    async def _write_changes(self) -> None:
        try:
            while self._unwritten:
                await in_database(incident_rows.write, self.lead, self._unwritten[0])
                self._unwritten.pop(0)
        except LeadLostError:
            self._unwritten.clear()
        except AWAY as error:
            await self._database_away(error)
            for told in self._unwritten:
                self.dispatcher.hold(told.messages)
            # What happened is still to be written; its messages are on their way from memory.
            self._unwritten = [Told(told.changes, ()) for told in self._unwritten]

    def _write_signals(self) -> None:
        after = -1 if self._leaf is None else self._leaf
        now = self._now()
        found = new_signals.find(after, now, self.config.least_confidence)
        if found.leaf is None or found.leaf == after:
            return
        if found.signals:
            config = self.config
            messages = new_signals.deliveries(
                found.signals, config.signals, self._measured, config.site, now
            )
            with transaction.atomic():
                self.lead.fence(found.leaf)
                Delivery.objects.bulk_create(messages, ignore_conflicts=True)
        self._leaf = found.leaf

    async def _database_away(self, error: Exception) -> None:
        log.warning("alerts_without_database", error=type(error).__name__)
        await forget_connection()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


async def _every(step: Callable[[], Awaitable[object]], seconds: float) -> None:
    while True:
        try:
            await step()
        except Exception:  # the outermost handler: one failed look must not end all telling
            log.exception("alerts_step_failed", step=getattr(step, "__name__", ""))
        await asyncio.sleep(seconds)
