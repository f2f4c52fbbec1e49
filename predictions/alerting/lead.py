"""Which process tells: one leads, the others wait until its beat stands still.

The lease lies in the database, not in Redis as the loops' do: that Redis is away must be told, and
told once. Nobody's clock is compared with another's: a standby watches the beat by its own.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from predictions.alerting.database import AWAY
from predictions.models import AlertLead

log = structlog.get_logger(__name__)

TAKE_OVER_SECONDS = 10.0
"""A beat that stands still for so long is nobody's."""

ROW = 1


class LeadLostError(Exception):
    """Another process leads now; what was to be written is not. This one stands by."""


def owner_name() -> str:
    """Return a name that no other process has."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(slots=True)
class Lead:
    """The lead, held or not."""

    owner: str = field(default_factory=owner_name)
    clock: Callable[[], float] = time.monotonic
    leading: bool = field(init=False, default=False)
    _seen: tuple[str, int] | None = field(init=False, default=None)
    _seen_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._seen_at = self.clock()

    def hold(self) -> bool:
        """Keep the lead, or take it where it is free; return whether this process leads.

        Raises what the database raises where it is away.
        """
        return self._now(self._renewed() if self.leading else self._taken())

    def hold_alone(self) -> bool:
        """Return whether this process leads while the database is away: who led leads on.

        Who has never reached it leads after a while: better that two processes tell of it than
        none.
        """
        unknown = self._seen is None and self.clock() - self._seen_at >= TAKE_OVER_SECONDS
        return self._now(self.leading or unknown)

    def _now(self, leads: bool) -> bool:
        if leads != self.leading:
            log.info("alerts_lead_taken" if leads else "alerts_lead_lost")
        self.leading = leads
        return leads

    def fence(self, leaf: int | None = None) -> None:
        """Hold the lead's row until the caller's transaction ends; leaf: signals looked at.

        Raises LeadLostError where another process leads.
        """
        moved = {} if leaf is None else {"leaf": leaf}
        if not self._mine().update(beat=F("beat") + 1, **moved):
            self.leading = False
            raise LeadLostError

    def leaf(self) -> int | None:
        """Return up to which entry of the ledger signals were looked at; None before the first."""
        return AlertLead.objects.filter(id=ROW).values_list("leaf", flat=True).first()

    def give_back(self) -> None:
        """Let the next one lead at once."""
        if self.leading:
            self.leading = False
            try:
                self._mine().update(owner="")
            except AWAY as error:
                log.warning("alerts_lead_not_given_back", error=type(error).__name__)

    def _renewed(self) -> bool:
        return bool(self._mine().update(beat=F("beat") + 1))

    def _taken(self) -> bool:
        row, _ = AlertLead.objects.get_or_create(id=ROW)
        if row.owner and (row.owner, row.beat) != self._seen:
            self._seen, self._seen_at = (row.owner, row.beat), self.clock()
        self._seen = self._seen or (row.owner, row.beat)
        if row.owner and self.clock() - self._seen_at < TAKE_OVER_SECONDS:
            return False
        with transaction.atomic():
            free = AlertLead.objects.filter(id=ROW, owner=row.owner, beat=row.beat)
            return bool(free.update(owner=self.owner, beat=F("beat") + 1))

    def _mine(self) -> QuerySet[AlertLead]:
        return AlertLead.objects.filter(id=ROW, owner=self.owner)
