"""One slot under the lock: its links and rows in accord, and one step that changes both.

Used by `standing` alone. What was broken off is finished first: a change whose first link was set
goes on to its end, under the name of who asked for it; one that set none is forgotten.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from inference.artefacts.errors import ArtefactError
from inference.artefacts.versions import Slot, UnknownVersionError, VersionStore
from predictions.models.retraining import Action, ModelVersion, Origin, Promotion, VersionState
from predictions.promotion.errors import PinnedError, StandingError
from predictions.promotion.history import served_before
from predictions.promotion.locking import Change, Journal, Links, change_lock
from predictions.promotion.roster import Roster
from predictions.promotion.serving import pinned, serving_version, unpromoted

TEXT_LENGTH = 500
NAME_LENGTH = 160
FOUND_BY = "links"
"""Who a change is put down to that no call of ours made: somebody moved a link, or files."""

log = structlog.get_logger(__name__)

State = VersionState
STANDING = (State.CHAMPION, State.PREVIOUS, State.SHADOW)


@contextmanager
def settled(slot: Slot) -> Iterator["Bench"]:
    """Hold the lock on what serves, with the slot's rows and links in accord."""
    with change_lock(settings.VAR_DIR):
        bench = Bench(slot, VersionStore(settings.VAR_DIR))
        bench.settle()
        yield bench


def settled_champion(slot: Slot) -> str | None:
    """Return what serves where rows and links agree on it; None where they are to be mended."""
    serving = serving_version(slot, VersionStore(settings.VAR_DIR))
    if Journal(settings.VAR_DIR, slot).read() is not None:
        return None
    rows = ModelVersion.objects.filter(slot=str(slot), state=State.CHAMPION)
    known = rows.values_list("version", flat=True).first() or ""
    return serving if serving == known else None


@dataclass(slots=True)
class Bench:
    """One slot while its lock is held."""

    slot: Slot
    store: VersionStore

    @property
    def links(self) -> Links:
        return Links.read(self.store, self.slot)

    @property
    def roster(self) -> Roster:
        return Roster(self.slot, self.store)

    @property
    def champion(self) -> str:
        return serving_version(self.slot, self.store)

    def settle(self) -> None:
        """Finish or forget what was broken off; let the rows follow the links."""
        journal = Journal(settings.VAR_DIR, self.slot)
        change = journal.read()
        if change is not None:
            if self.links != change.was and not self._is_told(change):
                log.warning("change_finished", slot=str(self.slot), version=change.version)
                self._carry_out(change)
            journal.clear()
        with transaction.atomic(durable=True):
            self._follow_files()

    def adopt_champion(self) -> str | None:
        """Take what serves into the store, if it is not there; return its version."""
        linked = self.store.champion(self.slot)
        if linked is not None:
            return linked if linked in self.store.versions(self.slot) else None
        found = unpromoted(self.slot)
        if found is None:
            return None
        self.roster.adopt(found)
        return found.version

    def trials(self) -> frozenset[str]:
        """Return what is on trial for its own sake, not as what served before."""
        links = self.links
        return links.shadows - ({links.previous} if links.previous is not None else set())

    def way_back(self, without: str = "") -> list[str]:
        """Return what may serve again and what may after it, the latest first."""
        before = served_before(self.slot, self.champion)
        if not before and (previous := self.store.previous(self.slot)) is not None:
            before = [previous]  # a database that was made anew knows no history
        return list(islice((v for v in before if v != without and self._may_return(v)), 2))

    def refuse_pinned(self) -> None:
        """Raise PinnedError where the configuration names a network that wins over all."""
        if pinned(self.slot):
            raise PinnedError(
                f"model.path in the configuration names {settings.INFERENCE.model.path}, which "
                f"serves {self.slot} whatever is promoted; name models/btc_predictor_v1.onnx first"
            )

    def change(
        self,
        wanted: Links,
        ends: Mapping[str, str],
        action: Action,
        version: str,
        *,
        by: str,
        why: str,
        figures: Mapping[str, Any] | None = None,
    ) -> Promotion:
        """Change links and rows, and say who did it. ends: what the versions that leave become."""
        if not by.strip() or not why.strip():
            raise StandingError(
                f"who changes {self.slot}, and why, must be said: neither --by nor --why may be"
                " empty"
            )
        change = Change(
            was=self.links,
            wanted=wanted,
            ends=ends,
            action=action,
            version=version,
            before=self.champion,
            by=by.strip()[:NAME_LENGTH],
            why=why.strip()[:TEXT_LENGTH],
            # As JSON has them: what is not known is null, not NaN.
            figures=msgspec.json.decode(msgspec.json.encode(dict(figures or {}))),
        )
        journal = Journal(settings.VAR_DIR, self.slot)
        journal.write(change)
        done = self._carry_out(change)
        journal.clear()
        return done

    def _carry_out(self, change: Change) -> Promotion:
        with transaction.atomic(durable=True):
            self._let_rows_follow(change.wanted, change.ends)
            done = Promotion.objects.create(
                slot=str(self.slot),
                action=change.action,
                version=change.version,
                before=change.before,
                by=change.by,
                why=change.why,
                figures=dict(change.figures),
            )
            # Last, so that what the database refuses leaves all links as they were.
            change.wanted.set(self.store, self.slot)
        log.info("slot_changed", slot=str(self.slot), action=change.action, version=change.version)
        return done

    def _follow_files(self) -> None:
        rows = ModelVersion.objects.filter(slot=str(self.slot), state=State.CHAMPION)
        before = rows.values_list("version", flat=True).first()
        links = self.links
        self._let_rows_follow(links, {})
        after = self.champion
        if before is None or before == after:
            return
        log.warning("champion_found", slot=str(self.slot), version=after, before=before)
        Promotion.objects.create(
            slot=str(self.slot),
            action=Action.PROMOTE,
            version=after,
            before=before,
            by=FOUND_BY,
            why="found serving: its link or its files were changed by other means",
        )

    def _let_rows_follow(self, links: Links, ends: Mapping[str, str]) -> None:
        states = dict.fromkeys(links.shadows, State.SHADOW)
        if links.previous is not None:
            states[links.previous] = State.PREVIOUS
        champion = links.champion
        if champion is None or pinned(self.slot):
            found = unpromoted(self.slot)
            champion = None if found is None else found.version
            if found is not None:
                self.roster.note(found)
        if champion is not None:
            states[champion] = State.CHAMPION
        rows = {row.version: row for row in ModelVersion.objects.filter(slot=str(self.slot))}
        for version in states.keys() - rows.keys():
            try:
                rows[version] = self.roster.register(version, origin=Origin.IMPORTED)
            except (ArtefactError, UnknownVersionError, StandingError) as error:
                log.error("version_not_registered", slot=str(self.slot), error=str(error))
        for row in sorted(rows.values(), key=lambda row: row.version == champion):
            ended = State.RETIRED if row.state in STANDING else row.state
            self._set(row, states.get(row.version) or ends.get(row.version) or ended)

    def _set(self, row: ModelVersion, state: str) -> None:
        if row.state != state:
            row.state, row.since = state, timezone.now()
            row.save(update_fields=("state", "since"))

    def _is_told(self, change: Change) -> bool:
        # Its rows were stored, and nothing but the note of it was left over.
        last = Promotion.objects.filter(slot=str(self.slot)).order_by("-id").first()
        told = last and (last.action, last.version, last.before, last.by, last.why)
        return told == (change.action, change.version, change.before, change.by, change.why)

    def _may_return(self, version: str) -> bool:
        rejected = ModelVersion.objects.filter(
            slot=str(self.slot), version=version, state=State.REJECTED
        )
        if rejected.exists():
            return False
        try:
            self.roster.known(version)
        except (ArtefactError, UnknownVersionError, StandingError) as error:
            log.warning("version_cannot_return", slot=str(self.slot), error=str(error))
            return False
        return True
