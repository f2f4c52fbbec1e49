"""Messages as rows: which are due, how each try ended, which are kept.

Called in the alerts' process, and by the admin for what is sent again. A try that ends changes its
row by compare-and-set on the number of tries.
"""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet

from predictions.models import Channel, Delivery, DeliveryState, Incident
from predictions.models.alerting import ERROR_LENGTH
from predictions.outbox.retrying import delay_after

NOT_TRIED = "not tried in time"
AGAIN_SECONDS = 900.0
"""How long what a person sends again is tried."""

DELIVERED_DAYS = 7
DEAD_DAYS = 90
INCIDENT_DAYS = 365
PRUNED_AT_A_TIME = 1_000

_draw = random.Random()


def due(now: datetime, besides: Iterable[Any], limit: int) -> list[Delivery]:
    """Return messages to be tried now, the one that has waited longest first.

    What nobody may be told any more is none of them, though it is not buried yet.
    """
    waiting = Delivery.objects.filter(
        state=DeliveryState.WAITING, next_try_at__lte=now, give_up_at__gt=now
    )
    return list(waiting.exclude(id__in=list(besides)).order_by("next_try_at", "id")[:limit])


def delivered(delivery: Delivery, now: datetime) -> None:
    """Take in that a try succeeded; `store` writes it."""
    delivery.tries += 1
    delivery.state = DeliveryState.DELIVERED.value
    delivery.last_error = ""
    delivery.settled_at = now


def failed(delivery: Delivery, error: str, now: datetime) -> None:
    """Take in that a try failed; `store` writes it. There is none after `give_up_at`."""
    delivery.tries += 1
    delivery.last_error = error[:ERROR_LENGTH]
    delivery.next_try_at = now + timedelta(seconds=delay_after(delivery.tries, _draw))
    if delivery.next_try_at >= delivery.give_up_at:
        delivery.state = DeliveryState.DEAD.value
        delivery.settled_at = now


def store(delivery: Delivery) -> None:
    """Write how a try ended; nothing where the row is no longer as it was before the try."""
    Delivery.objects.filter(
        id=delivery.pk, state=DeliveryState.WAITING, tries=delivery.tries - 1
    ).update(
        tries=delivery.tries,
        state=delivery.state,
        last_error=delivery.last_error,
        next_try_at=delivery.next_try_at,
        settled_at=delivery.settled_at,
    )


def bury_expired(now: datetime, besides: Iterable[Any]) -> int:
    """Mark what nobody may be told any more as dead; return how many. besides: being sent."""
    expired = Delivery.objects.filter(state=DeliveryState.WAITING, give_up_at__lte=now)
    expired = expired.exclude(id__in=list(besides))
    expired.filter(last_error="").update(last_error=NOT_TRIED)
    return expired.update(state=DeliveryState.DEAD.value, settled_at=now)


def send_again(dead: QuerySet[Delivery], now: datetime) -> int:
    """Let dead messages be tried anew, under their old ids; return how many."""
    return dead.filter(state=DeliveryState.DEAD).update(
        state=DeliveryState.WAITING.value,
        tries=0,
        next_try_at=now,
        give_up_at=now + timedelta(seconds=AGAIN_SECONDS),
        settled_at=None,
    )


def counts() -> dict[str, dict[str, int]]:
    """Return how many messages of each channel wait, and how many are dead."""
    told = {channel.value: {"waiting": 0, "dead": 0} for channel in Channel}
    kept = Delivery.objects.exclude(state=DeliveryState.DELIVERED).order_by()
    for channel, state, count in kept.values_list("channel", "state").annotate(Count("id")):
        told[channel][state] = count
    return told


def newly_dead(now: datetime) -> int:
    """Return how many messages died within the last day."""
    since = now - timedelta(days=1)
    return Delivery.objects.filter(state=DeliveryState.DEAD, settled_at__gt=since).count()


def prune(now: datetime) -> int:
    """Delete what was settled long ago, some at a time; return how many rows went."""
    gone = 0
    for rows in (
        Delivery.objects.filter(
            state=DeliveryState.DELIVERED, settled_at__lt=now - timedelta(days=DELIVERED_DAYS)
        ),
        Delivery.objects.filter(
            state=DeliveryState.DEAD, settled_at__lt=now - timedelta(days=DEAD_DAYS)
        ),
    ):
        ids = list(rows.order_by().values_list("id", flat=True)[:PRUNED_AT_A_TIME])
        gone += Delivery.objects.filter(id__in=ids).delete()[0]
    old = Incident.objects.filter(ended_at__lt=now - timedelta(days=INCIDENT_DAYS)).order_by()
    ids = list(old.values_list("id", flat=True)[:PRUNED_AT_A_TIME])
    return gone + Incident.objects.filter(id__in=ids).delete()[0]
