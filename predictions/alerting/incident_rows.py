"""Incidents and their messages as rows. Called in the alerts' process, in threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from predictions.alerting.incidents import Begun, Change
from predictions.alerting.lead import Lead
from predictions.alerting.wording import of_incident
from predictions.models import Delivery, Incident
from predictions.outbox.targets import Target
from predictions.watching.alert import Alert, Severity

GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Told:
    """Changes of one look, and the messages that tell them."""

    changes: tuple[Change, ...]
    messages: tuple[Delivery, ...]


def told(changes: Sequence[Change], targets: Sequence[Target], site: str, now: datetime) -> Told:
    """Return changes with their messages, one an address."""
    messages = (
        Delivery(
            channel=target.channel.value,
            message_id=_message_id(change),
            target=target.shown,
            target_key=target.key,
            payload=of_incident(change, site),
            created_at=now,
            next_try_at=now,
            give_up_at=now + GIVE_UP_AFTER,
        )
        for change in changes
        for target in targets
    )
    return Told(tuple(changes), tuple(messages))


def write(lead: Lead, each: Told) -> None:
    """Write changes and messages together, once.

    Raises LeadLostError where another process leads.
    """
    with transaction.atomic():
        lead.fence()
        for change in each.changes:
            _write(change)
        Delivery.objects.bulk_create(each.messages, ignore_conflicts=True)


def open_incidents() -> list[tuple[Alert, float]]:
    """Return what was told and is not over, and since when it is wrong (UTC seconds)."""
    return [
        (
            Alert(row.code, Severity(row.severity), row.subject, row.message, row.action),
            row.began_at.timestamp(),
        )
        for row in Incident.objects.filter(ended_at=None)
    ]


def _write(change: Change) -> None:
    alert = change.alert
    began_at = datetime.fromtimestamp(change.since, UTC)
    held = Incident.objects.filter(code=alert.code, subject=alert.subject, ended_at=None)
    if isinstance(change, Begun):
        said = {
            "severity": alert.severity.value,
            "message": alert.message,
            "action": alert.action,
        }
        named = {"code": alert.code, "subject": alert.subject, "began_at": began_at}
        held.update_or_create(defaults=said, create_defaults=named | said)
        return
    held.update(ended_at=datetime.fromtimestamp(change.until, UTC))


def _message_id(change: Change) -> str:
    end = change.alert.severity.value if isinstance(change, Begun) else "ended"
    return f"incident_{change.alert.code}_{change.alert.subject}_{change.since * 1e3:.0f}_{end}"
