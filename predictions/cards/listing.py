"""Every slot with its versions, as `manage.py models` prints them.

What serves is looked up, and rows that do not say so are mended: a person asks here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from inference.artefacts.versions import SLOTS, Slot, VersionStore
from predictions.cards.rankings import printed_ranking, rankings
from predictions.cards.trials import Told, told_versions
from predictions.models import ModelVersion, TrainingRun
from predictions.models.retraining import UNENDED, RunState, RunStep, VersionState
from predictions.promotion.standing import champion_version, is_frozen

DIGEST_SHOWN = 12
_ORDER = tuple(VersionState)


def listed_slots() -> list[Told]:
    """Return of each slot what serves, and every version there is or was, the newest first.

    files: whether a version's files are still there. unregistered: folders without a row. runs: of
    training, those that are not over. ranking: of the versions with graded predictions in the
    current venue, None where they are not several.
    Raises TooMuchAskedError, DatabaseError.
    """
    slots = [_listed(slot, VersionStore(settings.VAR_DIR)) for slot in SLOTS]
    champions = {slot: told["champion"] or "" for slot, told in zip(SLOTS, slots, strict=True)}
    ranked = rankings(champions)
    return [told | {"ranking": ranked.get(slot)} for slot, told in zip(SLOTS, slots, strict=True)]


def printed_slots(slots: list[Told]) -> Iterator[str]:
    """Write the list as lines of text."""
    for slot in slots:
        frozen = "  frozen: only a person changes what serves" if slot["frozen"] else ""
        yield f"{slot['slot']}: {slot['champion'] or 'nothing serves'}{frozen}"
        for version in slot["versions"]:
            yield f"  {_printed(version)}"
        for name in slot["unregistered"]:
            yield f"  {name}  was never registered: promote it, or put it on trial"
        for run in slot["runs"]:
            yield f"  run {run['id']}: {_stands(run)}; retrain --drop {run['id']} ends it"
    for slot in slots:
        if slot["ranking"] is not None:
            yield ""
            yield from printed_ranking(slot["ranking"])


def _listed(slot: Slot, store: VersionStore) -> Told:
    champion = champion_version(slot)
    there = set(store.versions(slot))
    rows = list(ModelVersion.objects.filter(slot=str(slot)).order_by("-since", "-id"))
    rows.sort(key=lambda row: _place(row.state))
    return {
        "slot": str(slot),
        "champion": champion or None,
        "previous": store.previous(slot),
        "frozen": is_frozen(slot),
        "versions": [
            told | {"files": told["version"] in there or told["version"] == champion}
            for told in told_versions(slot, rows)
        ],
        "unregistered": sorted(there - {row.version for row in rows}),
        "runs": list(_unended_runs(slot)),
    }


def _unended_runs(slot: Slot) -> Iterator[Told]:
    rows = TrainingRun.objects.filter(slot=str(slot), state__in=UNENDED)
    for row in rows.select_related("version").order_by("id"):
        yield {
            "id": row.pk,
            "state": row.state,
            "step": row.step,
            "version": None if row.version is None else row.version.version,
            "started_at": row.started_at.isoformat(),
            "message": row.message or None,
        }


def _stands(run: Told) -> str:
    began = f"began {datetime.fromisoformat(run['started_at']):%Y-%m-%d %H:%M} UTC"
    if run["state"] == RunState.ON_TRIAL:
        return f"{run['version']} is on trial, {began}"
    return f"at {RunStep(run['step']).label}, {began}"


def _place(state: str) -> int:
    first = {VersionState.CHAMPION: -2, VersionState.PREVIOUS: -1}
    return first.get(VersionState(state), _ORDER.index(VersionState(state)))


def _printed(told: Told) -> str:
    state = VersionState(told["state"]).label
    since = "" if told["since"] is None else f"since {told['since'][:16].replace('T', ' ')}  "
    gone = "" if told["files"] else ", its files are gone"
    return (
        f"{told['version']:<24}  {state:<13}  {told['origin']:<8}  {since}"
        f"{told['digest'][:DIGEST_SHOWN]}  {told['architecture']}, {_span(told)}"
        f"{gone}"
    )


def _span(told: Told) -> str:
    if told["span_from"] is None or told["span_to"] is None:
        return "what it learned from is not known"
    first, last = (
        datetime.fromtimestamp(told[name] / 1000, UTC).date() for name in ("span_from", "span_to")
    )
    venue = f" of {told['venue']}" if told["venue"] else ""
    return f"learned from {first} to {last}{venue}"
