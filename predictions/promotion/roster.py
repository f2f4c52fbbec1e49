"""A slot's versions, each with its row: registered where its files are whole.

Read by `bench` alone, under the slot's lock. A version never changes: other files under a name
that is registered already are refused.
"""

from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from inference.artefacts.described import Described, described
from inference.artefacts.versions import Slot, UnknownVersionError, VersionStore
from predictions.models.retraining import ModelVersion, Origin, VersionState
from predictions.promotion.errors import StandingError
from predictions.promotion.serving import unpromoted

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Roster:
    """The versions of one slot in its store."""

    slot: Slot
    store: VersionStore

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
            self.adopt(shipped)
        found = described(self.slot, self.store.folder(self.slot, version))
        return self._row_of(found, Origin.IMPORTED, "")

    def note(self, found: Described) -> None:
        """Make or mend the row of what serves from its own place; a contradiction is logged."""
        try:
            self._row_of(found, _origin_in_place(found), "")
        except StandingError as error:
            log.error("version_not_registered", slot=str(self.slot), error=str(error))

    def adopt(self, found: Described) -> None:
        """Take what serves from its own place into the store. Raises StandingError."""
        self._row_of(found, _origin_in_place(found), "")
        self.store.add(self.slot, found.version, found.files)

    def _row_of(self, found: Described, origin: Origin, venue: str) -> ModelVersion:
        start, end = found.span or (None, None)
        row, _ = ModelVersion.objects.get_or_create(
            slot=str(self.slot),
            version=found.version,
            defaults={
                "origin": origin,
                "state": VersionState.CANDIDATE,
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

    def _unknown(self, version: str) -> UnknownVersionError:
        known = set(self.store.versions(self.slot))
        shipped = unpromoted(self.slot)
        known |= set() if shipped is None else {shipped.version}
        there = ", ".join(sorted(known)) or "none"
        return UnknownVersionError(f"{self.slot} has no version {version!r}; there are: {there}")


def _origin_in_place(found: Described) -> Origin:
    lies_in = {path for path in found.files.values() if isinstance(path, Path)}
    shipped = all(path.is_relative_to(settings.BASE_DIR / "models") for path in lies_in)
    return Origin.SHIPPED if shipped else Origin.IMPORTED
