"""Which version of a slot serves, which are on trial, and why: the one place that changes it.

Called by training, by the rollback watch and by people's commands; read by whoever asks what
serves. Links (`inference.artefacts.versions`) are what loops obey, rows say who and why. Both
change together under one lock: what serves is linked first, and where the two were torn apart, the
next call lets the rows follow the links. Not to be called within a transaction: whoever waits for
the lock must hold nothing that its holder waits for.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference.artefacts.versions import Slot
from predictions.models.retraining import Action, ModelVersion, Origin, Promotion, VersionState
from predictions.promotion.bench import Bench, settled, settled_champion
from predictions.promotion.errors import (
    FrozenError,
    NothingBeforeError,
    OtherServesError,
    StandingError,
)
from predictions.promotion.locking import Links
from predictions.promotion.opening import refuse_unopenable
from predictions.promotion.pruning import prune
from predictions.promotion.serving import frozen, pinned

State = VersionState


class Automatic(StrEnum):
    """Who decides without a person; refused on a frozen slot, and never undoes a rejection."""

    RETRAINING = "retraining"
    ROLLBACK_WATCH = "rollback watch"


def register(
    slot: Slot, folder_or_version: Path | str, *, origin: Origin | str, venue: str = ""
) -> ModelVersion:
    """Return the row of a version whose folder lies in the VersionStore; made where there is none.

    Raises UnknownVersionError, ArtefactError where its files are not as its manifest says,
    StandingError where other files were registered under its name.
    """
    version = Path(folder_or_version).name
    with settled(slot) as bench:
        return bench.roster.register(version, origin=Origin(origin), venue=venue)


def put_on_trial(slot: Slot, version: str, *, by: str, why: str) -> Promotion:
    """Let a version speak beside the champion, unpublished, from now on.

    Raises UnknownVersionError, ArtefactError, StandingError where it serves, or was rejected and
    no person asks.
    """
    with settled(slot) as bench:
        row = bench.roster.known(version)
        if version == bench.champion:
            raise StandingError(f"{version} serves {slot}: the champion is not on trial")
        _refuse_rejected(row, by)
        links = bench.links
        wanted = Links(links.champion, links.previous, links.shadows | {version})
        return bench.change(wanted, {}, Action.TRIAL, version, by=by, why=why)


def promote(
    slot: Slot,
    version: str,
    *,
    by: str,
    why: str,
    figures: Mapping[str, Any] | None = None,
    serving: str | None = None,
) -> Promotion:
    """Let a version serve from now on; what served stays on trial, as the one to go back to.

    serving: the champion that it was found better than, where that may have left meanwhile.
    Raises FrozenError for automatic callers, UnknownVersionError, ArtefactError where its files
    are not whole or its network cannot be opened, PinnedError, OtherServesError, StandingError
    where it serves already, or was rejected and no person asks.
    """
    with settled(slot) as bench:
        _refuse_promotion(bench, version, by, serving)
        folder = bench.store.folder(slot, version)
    # Nobody else waits for a network that may take long: its files cannot change meanwhile.
    refuse_unopenable(slot, folder)
    with settled(slot) as bench:
        _refuse_promotion(bench, version, by, serving)
        before = bench.adopt_champion()
        wanted = Links(version, before, (bench.trials() | _some(before)) - {version})
        done = bench.change(
            wanted, {}, Action.PROMOTE, version, by=by, why=why, figures=figures or {}
        )
        prune(bench.store, slot)
        return done


def roll_back(
    slot: Slot,
    *,
    by: str,
    why: str,
    figures: Mapping[str, Any] | None = None,
    serving: str | None = None,
) -> Promotion:
    """Let what served before the champion serve again; the champion is rejected.

    Each call goes one further back, in the order in which versions served: never to one that was
    rolled back or rejected. serving: the champion that is meant, where it may have left meanwhile.
    Raises FrozenError, PinnedError, NothingBeforeError, OtherServesError.
    """
    with settled(slot) as bench:
        _refuse_frozen(slot, by)
        bench.refuse_pinned()
        _refuse_other(bench, serving)
        leaving = bench.champion
        way_back = bench.way_back()
        if not way_back:
            raise NothingBeforeError(f"nothing served {slot} before {leaving or 'now'}")
        target = way_back[0]
        bench.adopt_champion()
        before = next(iter(way_back[1:]), None)
        trials = bench.trials() | _some(before)
        wanted = Links(target, before, trials - {target, leaving})
        return bench.change(
            wanted,
            {leaving: State.REJECTED},
            Action.ROLLBACK,
            target,
            by=by,
            why=why,
            figures=figures or {},
        )


def reject(
    slot: Slot, version: str, *, by: str, why: str, figures: Mapping[str, Any] | None = None
) -> Promotion:
    """Say that a version is not good enough; it leaves the trial. Raises as `retire` does."""
    return _end(slot, version, State.REJECTED, by, why, figures or {})


def retire(
    slot: Slot, version: str, *, by: str, why: str, figures: Mapping[str, Any] | None = None
) -> Promotion:
    """Take a version off the trial without a verdict.

    Raises UnknownVersionError, StandingError where it serves.
    """
    return _end(slot, version, State.RETIRED, by, why, figures or {})


def end_trial(slot: Slot, version: str, *, by: str, why: str) -> Promotion:
    """Retire a version that is on trial. Raises as `retire` does, and StandingError where it is
    not."""
    return _end(slot, version, State.RETIRED, by, why, {}, of_trial=True)


def freeze(slot: Slot, *, by: str, why: str) -> Promotion:
    """Let nothing automatic change what serves. Raises StandingError where it is so already."""
    return _set_frozen(slot, Action.FREEZE, by, why)


def unfreeze(slot: Slot, *, by: str, why: str) -> Promotion:
    """Let training and the rollback watch decide again. Raises StandingError where they may."""
    return _set_frozen(slot, Action.UNFREEZE, by, why)


def is_frozen(slot: Slot) -> bool:
    """Say whether only a person may change what serves."""
    return frozen(slot)


def is_pinned(slot: Slot) -> bool:
    """Say whether `model.path` names a network that serves whatever is promoted."""
    return pinned(slot)


def champion_version(slot: Slot) -> str:
    """Return the version that serves: what was promoted, else what is shipped or was put there.

    "" where nothing could serve. Rows that differ from what serves are mended first.
    """
    champion = settled_champion(slot)
    if champion is None:
        with settled(slot) as bench:
            return bench.champion
    return champion


def _end(
    slot: Slot,
    version: str,
    state: State,
    by: str,
    why: str,
    figures: Mapping[str, Any],
    *,
    of_trial: bool = False,
) -> Promotion:
    with settled(slot) as bench:
        if version == bench.champion:
            raise StandingError(f"{version} serves {slot}: roll back, or promote another, first")
        bench.roster.row(version)
        links = bench.links
        if of_trial and version not in links.shadows:
            there = ", ".join(sorted(links.shadows)) or "none"
            raise StandingError(f"{version} is not on trial for {slot}; on trial are {there}")
        previous = links.previous
        if version == previous:
            previous = next(iter(bench.way_back(without=version)), None)
        shadows = (links.shadows | (_some(previous) if version == links.previous else set())) - {
            version
        }
        action = Action.REJECT if state is State.REJECTED else Action.RETIRE
        wanted = Links(links.champion, previous, frozenset(shadows))
        done = bench.change(
            wanted, {version: state}, action, version, by=by, why=why, figures=figures
        )
        prune(bench.store, slot)
        return done


def _set_frozen(slot: Slot, action: Action, by: str, why: str) -> Promotion:
    with settled(slot) as bench:
        if frozen(slot) is (action is Action.FREEZE):
            raise StandingError(f"{slot} is {'frozen already' if frozen(slot) else 'not frozen'}")
        return bench.change(bench.links, {}, action, "", by=by, why=why)


def _refuse_promotion(bench: Bench, version: str, by: str, serving: str | None) -> None:
    _refuse_frozen(bench.slot, by)
    row = bench.roster.known(version)
    if version == bench.champion:
        raise StandingError(f"{version} serves {bench.slot} already")
    _refuse_rejected(row, by)
    bench.refuse_pinned()
    _refuse_other(bench, serving)


def _refuse_frozen(slot: Slot, by: str) -> None:
    if by in set(Automatic) and frozen(slot):
        raise FrozenError(f"{slot} is frozen: only a person may change what serves it")


def _refuse_rejected(row: ModelVersion, by: str) -> None:
    if by in set(Automatic) and row.state == State.REJECTED:
        raise StandingError(f"{row.version} of {row.slot} was rejected: only a person may take it")


def _refuse_other(bench: Bench, serving: str | None) -> None:
    if serving not in (None, bench.champion):
        raise OtherServesError(f"{bench.champion} serves {bench.slot}, not {serving} any more")


def _some(version: str | None) -> frozenset[str]:
    return frozenset(() if version is None else (version,))
