"""Signals that are to be told, out of the ledger: each once, in the order it was stored.

Read by the alerts' process. The ledger's entries have an index without a gap, given in the order
of commits (docs/adr/0025): what lies behind the last one looked at is new, and nothing is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inference.vocabulary import Direction, Role
from market.clock import MADE_UP
from predictions.alerting.wording import of_signal
from predictions.models import Channel, Delivery, LedgerEntry, Signal
from predictions.moments import milliseconds, moment
from predictions.outbox.targets import Target
from predictions.webhooks.measured import Measured
from predictions.webhooks.payload import message_id, payload


@dataclass(frozen=True, slots=True)
class Found:
    """signals, with their leaves, of entries up to `leaf`; None in an empty ledger."""

    signals: list[Signal]
    leaf: int | None


def newest_leaf() -> int | None:
    """Return the index of the ledger's newest entry."""
    return LedgerEntry.objects.order_by("-index").values_list("index", flat=True).first()


def find(after: int, now: datetime, least_confidence: float) -> Found:
    """Return signals of entries behind `after` that may be told: live, LONG or SHORT, in time."""
    newest = newest_leaf()
    if newest is None or newest <= after:
        return Found([], newest)
    rows = Signal.objects.filter(
        leaf_id__gt=after,
        leaf_id__lte=newest,
        live=True,
        late=False,
        direction__in=(Direction.LONG, Direction.SHORT),
        confidence__gte=least_confidence,
        valid_until_ts__gt=milliseconds(now),
    )
    rows = rows.exclude(role=Role.SHADOW).select_related("leaf").order_by("leaf_id", "id")
    return Found([row for row in rows if not row.venue.startswith(MADE_UP)], newest)


def deliveries(
    signals: Sequence[Signal],
    targets: Sequence[Target],
    measured: Measured,
    site: str,
    now: datetime,
) -> list[Delivery]:
    """Return the messages of signals, one an address."""
    return [
        Delivery(
            channel=target.channel.value,
            message_id=message_id(signal),
            target=target.shown,
            target_key=target.key,
            payload=payload(signal, measured, site)
            if target.channel is Channel.WEBHOOK
            else of_signal(signal, measured, site),
            created_at=now,
            next_try_at=now,
            give_up_at=moment(signal.valid_until_ts),
        )
        for signal in signals
        for target in targets
    ]
