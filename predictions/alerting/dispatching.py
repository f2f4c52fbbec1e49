"""Sends what waits: each message beside the others, so that a slow address delays no other.

Read by the alerts' process. While the database is away, messages are held here, and sent from here.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from predictions.alerting.database import AWAY, forget_connection, in_database
from predictions.models import Delivery, DeliveryState
from predictions.outbox import rows
from predictions.outbox.sending import Sender, SendError

log = structlog.get_logger(__name__)

AT_A_TIME = 1_000
"""Messages under way, so many that some slow addresses do not take all; the rest waits in rows."""
A_TARGET = 8
"""Of them, being sent to one address."""
MOST_HELD = 1_000
"""Messages held while the database is away; the oldest is dropped beyond this."""
NO_TARGET = "the address is no longer in the settings"


@dataclass(slots=True)
class Dispatcher:
    """Tries what is due. senders: by target key; counted: tries by channel and how they ended."""

    senders: Mapping[str, Sender]
    now: Callable[[], datetime]
    counted: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)
    _held: list[Delivery] = field(init=False, default_factory=list)
    _unwritten: list[Delivery] = field(init=False, default_factory=list)
    _flying: dict[int, tuple[Delivery, asyncio.Task[None]]] = field(
        init=False, default_factory=dict
    )
    _writing: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _slots: dict[str, asyncio.Semaphore] = field(init=False, default_factory=dict)

    def hold(self, messages: Sequence[Delivery]) -> None:
        """Take messages that could not be written."""
        self._held = [*self._held, *messages][-MOST_HELD:]

    async def step(self) -> bool:
        """Begin to send what is due; return whether anything was."""
        due: list[Delivery] = []
        try:
            await self._write()
            if (room := AT_A_TIME - len(self._flying)) > 0:
                due = await in_database(rows.due, self.now(), self._busy(), room)
        except AWAY as error:
            log.debug("deliveries_unknown", error=type(error).__name__)
            await forget_connection()
        for delivery in (*due, *(each for each in self._held if self._is_due(each))):
            task = asyncio.create_task(self._send(delivery))
            self._flying[id(delivery)] = delivery, task
        return bool(self._flying)

    async def bury(self) -> int:
        """Mark what came too late as dead. Raises what the database raises where it is away."""
        return await in_database(rows.bury_expired, self.now(), self._busy())

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._flying:
            await asyncio.gather(*(task for _, task in self._flying.values()))

    async def close(self) -> None:
        """Break off what is under way; it is tried again."""
        for _, task in self._flying.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._flying.values()), return_exceptions=True)
        for sender in self.senders.values():
            await sender.close()

    def detail(self) -> dict[str, Any]:
        """Return counts for the heartbeat."""
        told: dict[str, Any] = {"under_way": len(self._flying), "held": len(self._held)}
        told["tries"] = [
            {"channel": channel, "outcome": outcome, "count": count}
            for (channel, outcome), count in sorted(self.counted.items())
        ]
        return told

    def _is_due(self, delivery: Delivery) -> bool:
        waits = delivery.state == DeliveryState.WAITING and id(delivery) not in self._flying
        return waits and delivery.next_try_at <= self.now() < delivery.give_up_at

    def _busy(self) -> list[int]:
        flying = (delivery for delivery, _ in self._flying.values())
        return [each.pk for each in (*flying, *self._unwritten) if each.pk is not None]

    async def _send(self, delivery: Delivery) -> None:
        try:
            error = await self._try(delivery)
            if error is None:
                rows.delivered(delivery, self.now())
            else:
                rows.failed(delivery, error, self.now())
            self._count(delivery, error)
            if delivery.pk is not None:
                self._unwritten.append(delivery)
                await self._write()
        except AWAY as away:
            log.warning("delivery_not_written", error=type(away).__name__)
        finally:
            self._flying.pop(id(delivery), None)

    async def _try(self, delivery: Delivery) -> str | None:
        sender = self.senders.get(delivery.target_key)
        if sender is None:
            return NO_TARGET
        async with self._slots.setdefault(delivery.target_key, asyncio.Semaphore(A_TARGET)):
            try:
                await sender.send(delivery)
            except SendError as error:
                return str(error)
            except Exception as error:  # a service's plugin may raise anything
                # Neither its words nor its trace: they may hold the address.
                return type(error).__name__
        return None

    def _count(self, delivery: Delivery, error: str | None) -> None:
        outcome = "delivered" if error is None else "failed"
        self.counted[delivery.channel, outcome] += 1
        if error is not None:
            log.warning("delivery_failed", message=delivery.message_id, to=delivery.target,
                        tries=delivery.tries, error=error)  # fmt: skip
        if delivery.state == DeliveryState.DEAD:
            self.counted[delivery.channel, "dead"] += 1
            log.error("delivery_dead", message=delivery.message_id, to=delivery.target)

    async def _write(self) -> None:
        async with self._writing:
            ended = list(self._unwritten)
            held = [each for each in self._held if id(each) not in self._flying]
            if not ended and not held:
                return
            await in_database(_store, ended, held)
            stored = {id(each) for each in (*ended, *held)}
            self._unwritten = [each for each in self._unwritten if id(each) not in stored]
            self._held = [each for each in self._held if id(each) not in stored]


def _store(ended: list[Delivery], held: list[Delivery]) -> None:
    for delivery in ended:
        rows.store(delivery)
    Delivery.objects.bulk_create(held, ignore_conflicts=True)
