"""One slot under the lock: its links and rows in accord, and one step that changes both.

Used by `standing` alone. What was broken off is finished first: a change whose first link was set
goes on to its end, under the name of who asked for it; one that set none is forgotten.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from inference.artefacts.described import Described, described, first_described
from inference.artefacts.errors import ArtefactError
from inference.artefacts.places import is_pinned, unpromoted_places
from inference.artefacts.versions import Slot, UnknownVersionError, VersionStore
from inference.config import resolve_model_path
from predictions.models.retraining import Action, ModelVersion, Origin, Promotion, VersionState
from predictions.promotion.errors import PinnedError, StandingError
from predictions.promotion.history import served_before
from predictions.promotion.locking import Change, Journal, Links, change_lock

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


def serving_version(slot: Slot, store: VersionStore) -> str:
    """Return what the links, or the files where nothing is promoted, let serve; "" for nothing."""
    linked = store.champion(slot)
    if linked is not None and not pinned(slot):
        return linked
    found = unpromoted(slot)
    return "" if found is None else found.version


def unpromoted(slot: Slot) -> Described | None:
    """Return what serves a slot while nothing is promoted; None where nothing could."""
    return first_described(slot, _unpromoted_places(slot))


def frozen(slot: Slot) -> bool:
    """Say whether the slot was frozen, and not unfrozen since."""
    steps = Promotion.objects.filter(slot=str(slot), action__in=(Action.FREEZE, Action.UNFREEZE))
    last = steps.order_by("-id").values_list("action", flat=True).first()
    return last == Action.FREEZE


def pinned(slot: Slot) -> bool:
    """Say whether the configuration names a network that wins over all that is promoted."""
    return slot.timeframe is None and is_pinned(_configured(), settings.BASE_DIR)


@dataclass(slots=True)
class Bench:
    """One slot while its lock is held."""

    slot: Slot
    store: VersionStore

    @property
    def links(self) -> Links:
        return Links.read(self.store, self.slot)

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

    def register(self, version: str, *, origin: Origin, venue: str = "") -> ModelVersion:
        """Return the row of a version that lies in the store; made where there is none."""
        folder = self.store.folder(self.slot, version)
        if version not in self.store.versions(self.slot):
            raise self._unknown(version)
        found = described(self.slot, folder)
        if found.version != version:
            message = f"{folder.name} of {self.slot} says in its manifest that it is"
            raise StandingError(f"{message} {found.version}")
        return self._row_of(found, origin, venue)

    def row(self, version: str) -> ModelVersion:
        """Return the row of a version. Raises UnknownVersionError naming those there are."""
        row = ModelVersion.objects.filter(slot=str(self.slot), version=version).first()
        if row is not None:
            return row
        if version in self.store.versions(self.slot):
            return self.register(version, origin=Origin.IMPORTED)
        raise self._unknown(version)

    def known(self, version: str) -> ModelVersion:
        """Return the row of a version whose files are in the store and whole.

        What is shipped is taken into the store for it. Raises UnknownVersionError, ArtefactError.
        """
        if version not in self.store.versions(self.slot):
            shipped = unpromoted(self.slot)
            if shipped is None or shipped.version != version:
                raise self._unknown(version)
            self._adopt(shipped)
        found = described(self.slot, self.store.folder(self.slot, version))
        return self._row_of(found, Origin.IMPORTED, "")

    def adopt_champion(self) -> str | None:
        """Take what serves into the store, if it is not there; return its version."""
        linked = self.store.champion(self.slot)
        if linked is not None:
            return linked if linked in self.store.versions(self.slot) else None
        found = unpromoted(self.slot)
        if found is None:
            return None
        self._adopt(found)
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
            raise StandingError(f"who changes {self.slot}, and why, must be said")
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
                self._tell_of(found)
        if champion is not None:
            states[champion] = State.CHAMPION
        rows = {row.version: row for row in ModelVersion.objects.filter(slot=str(self.slot))}
        for version in states.keys() - rows.keys():
            try:
                rows[version] = self.register(version, origin=Origin.IMPORTED)
            except (ArtefactError, UnknownVersionError, StandingError) as error:
                log.error("version_not_registered", slot=str(self.slot), error=str(error))
        for row in sorted(rows.values(), key=lambda row: row.version == champion):
            ended = State.RETIRED if row.state in STANDING else row.state
            self._set(row, states.get(row.version) or ends.get(row.version) or ended)

    def _tell_of(self, found: Described) -> None:
        try:
            self._row_of(found, _origin_in_place(found), "")
        except StandingError as error:
            log.error("version_not_registered", slot=str(self.slot), error=str(error))

    def _set(self, row: ModelVersion, state: str) -> None:
        if row.state != state:
            row.state, row.since = state, timezone.now()
            row.save(update_fields=("state", "since"))

    def _row_of(self, found: Described, origin: Origin, venue: str) -> ModelVersion:
        start, end = found.span or (None, None)
        row, _ = ModelVersion.objects.get_or_create(
            slot=str(self.slot),
            version=found.version,
            defaults={
                "origin": origin,
                "state": State.CANDIDATE,
                "since": timezone.now(),
                "architecture": found.architecture,
                "digest": found.digest,
                "data_digest": found.data_digest[:64],
                "venue": venue,
                "span_from": start,
                "span_to": end,
            },
        )
        if row.digest == found.digest:
            return row
        if found.version in self.store.versions(self.slot):
            raise StandingError(
                f"{found.version} of {self.slot} was registered with another network "
                f"(SHA-256 {row.digest[:12]}, now {found.digest[:12]}): a version never changes"
            )
        # A file that was put there, or shipped, under its old name: none but this one lies there.
        row.digest, row.architecture = found.digest, found.architecture
        row.data_digest, row.span_from, row.span_to = found.data_digest[:64], start, end
        row.save()
        return row

    def _adopt(self, found: Described) -> None:
        self._row_of(found, _origin_in_place(found), "")
        self.store.add(self.slot, found.version, found.files)

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
            self.known(version)
        except (ArtefactError, UnknownVersionError, StandingError) as error:
            log.warning("version_cannot_return", slot=str(self.slot), error=str(error))
            return False
        return True

    def _unknown(self, version: str) -> UnknownVersionError:
        known = set(self.store.versions(self.slot))
        shipped = unpromoted(self.slot)
        known |= set() if shipped is None else {shipped.version}
        there = ", ".join(sorted(known)) or "none"
        return UnknownVersionError(f"{self.slot} has no version {version!r}; there are: {there}")


def _configured() -> Path:
    return resolve_model_path(settings.INFERENCE.model.path, settings.BASE_DIR)


def _unpromoted_places(slot: Slot) -> tuple[Path, ...]:
    if slot.timeframe is None:
        return unpromoted_places(_configured(), settings.BASE_DIR, settings.VAR_DIR)
    put = VersionStore(settings.VAR_DIR).champion_link(slot)
    shipped = settings.BASE_DIR / "models" / "pooled" / slot.timeframe
    # A folder that is no link was put there by hand.
    return (shipped,) if put.is_symlink() else (put, shipped)


def _origin_in_place(found: Described) -> Origin:
    lies_in = {path for path in found.files.values() if isinstance(path, Path)}
    shipped = all(path.is_relative_to(settings.BASE_DIR / "models") for path in lies_in)
    return Origin.SHIPPED if shipped else Origin.IMPORTED
