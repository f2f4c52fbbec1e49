"""Each slot at a glance: who serves it, who did before, who is on trial, what holds it still.

Read by the report that `/api/models` answers with. From the rows of the database; what really
serves, the files say. Unknown is null.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q

from inference.artefacts.catalogue import Catalogue
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.versions import SLOTS, Slot
from inference.vocabulary import FORECASTS
from predictions.cards.cards import is_own
from predictions.cards.figures import number_of
from predictions.cards.trials import ON_TRIAL, Now, Told, told_trials, voices_of
from predictions.models import DriftReading, ModelVersion, Promotion, TrainingRun
from predictions.models.retraining import Action, Origin, VersionState
from predictions.promotion.told import DriftTold
from predictions.promotion.told_watches import WatchesTold

CROWNING = (Action.PROMOTE, Action.ROLLBACK)
HOLDING = (Action.FREEZE, Action.UNFREEZE)
Served = Mapping[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Said:
    """What Redis says beside the rows. shadow: the heartbeat's detail of `run_shadow`."""

    now: Now
    shadow: Mapping[str, Any] = field(default_factory=dict)
    drift: DriftTold | None = None
    watches: WatchesTold | None = None


def served_versions(catalogue: Catalogue) -> dict[str, tuple[str, bool]]:
    """Return of each slot the version that its files serve, and whether it was promoted.

    A coin's own network serves that coin alone, so it is no slot's champion.
    """
    var = settings.VAR_DIR
    served: dict[str, tuple[str, bool]] = {}
    forecaster = catalogue.forecaster
    if forecaster is not None:
        served[FORECASTS] = (forecaster.version, forecaster.path.is_relative_to(var))
    pooled: dict[str, Counter[tuple[str, bool]]] = {}
    for found in catalogue.signals.values():
        if isinstance(found, SignalModel) and not is_own(found):
            standing = (found.version, found.folder.is_relative_to(var))
            pooled.setdefault(found.timeframe.value, Counter())[standing] += 1
    for slot in SLOTS:
        if slot.timeframe is not None and slot.timeframe.value in pooled:
            ((most, _),) = pooled[slot.timeframe.value].most_common(1)
            served[str(slot)] = most
    return served


def slots_report(served: Served, said: Said) -> list[Told]:
    """Return a row a slot. Raises DatabaseError where the database does not answer."""
    versions: dict[str, list[ModelVersion]] = {}
    standing = ModelVersion.objects.filter(state__in=(VersionState.CHAMPION, *ON_TRIAL))
    for row in standing.order_by("since", "id"):
        versions.setdefault(row.slot, []).append(row)
    rows = [row for several in versions.values() for row in several]
    trials = told_trials(rows, voices_of(said.shadow), said.now)
    crowned, held = _newest_deeds(CROWNING), _newest_deeds(HOLDING)
    runs, drifts, watches = _newest_runs(), _drift_counts(), _watches(said.watches)
    problems = {} if said.drift is None else {e.slot: e.problem for e in said.drift.slots}
    return [
        _slot(slot, served.get(str(slot)), versions.get(str(slot), ()), crowned.get(str(slot)))
        | {
            "trials": trials.get(str(slot), []),
            "frozen": _frozen(held.get(str(slot))),
            "run": runs.get(str(slot)),
            "drift": drifts.get(str(slot)),
            "drift_problem": problems.get(str(slot)) or None,
            "watch": watches.get(str(slot)),
        }
        for slot in SLOTS
    ]


def told_deed(row: Promotion) -> Told:
    """Return one thing that was done to a slot."""
    return {
        "action": row.action,
        "version": row.version or None,
        "before": row.before or None,
        "by": row.by,
        "why": row.why,
        "figures": row.figures,
        "done_at": row.done_at.isoformat(),
    }


def _slot(
    slot: Slot,
    serving: tuple[str, bool] | None,
    rows: Sequence[ModelVersion],
    crowned: Promotion | None,
) -> Told:
    version, promoted = serving or (None, False)
    champion = next((row for row in rows if row.version == version), None)
    previous = next((row for row in rows if row.state == VersionState.PREVIOUS), None)
    # What serves may have come there another way, since.
    deed = crowned if crowned is not None and crowned.version == version else None
    return {
        "slot": str(slot),
        "engine": slot.engine,
        "timeframe": None if slot.timeframe is None else slot.timeframe.value,
        "champion": None
        if version is None
        else {
            "version": version,
            "origin": _origin(champion, promoted),
            "action": None if deed is None else deed.action,
            "since": None if deed is None else deed.done_at.isoformat(),
            "by": None if deed is None else deed.by,
            "why": None if deed is None else deed.why,
        },
        "previous": None if previous is None else previous.version,
    }


def _origin(row: ModelVersion | None, promoted: bool) -> str | None:
    if row is not None:
        return row.origin
    return None if promoted else Origin.SHIPPED.value


def _watches(told: WatchesTold | None) -> dict[str, Told]:
    if told is None:
        return {}
    shared = {"venue": told.venue, "live": told.live}
    return {
        each.slot: shared
        | {
            "version": each.version,
            "against": each.rival,
            "e_value": number_of(each.e_value),
            "highest": number_of(each.highest),
            "threshold": number_of(each.threshold),
            "difference": number_of(each.difference),
            "n": each.decisions,
            "blocks": each.blocks,
            "through_ms": each.through_ms,
            "standing": each.standing.value,
            "problem": each.problem or None,
        }
        for each in told.watches
    }


def _newest_deeds(actions: Iterable[str]) -> dict[str, Promotion]:
    newest = (
        Promotion.objects.filter(action__in=actions)
        .order_by()
        .values("slot")
        .annotate(last=Max("id"))
        .values("last")
    )
    return {row.slot: row for row in Promotion.objects.filter(pk__in=newest)}


def _frozen(deed: Promotion | None) -> Told | None:
    if deed is None or deed.action != Action.FREEZE:
        return None
    return {"since": deed.done_at.isoformat(), "by": deed.by, "why": deed.why}


def _newest_runs() -> dict[str, Told]:
    newest = TrainingRun.objects.order_by().values("slot").annotate(last=Max("id")).values("last")
    fields = ("slot", "id", "trigger", "state", "step", "message", "started_at", "ended_at")
    return {
        row.pop("slot"): row for row in TrainingRun.objects.filter(pk__in=newest).values(*fields)
    }


def _drift_counts() -> dict[str, Told]:
    told: dict[str, Told] = {}
    for slot in map(str, SLOTS):
        readings = DriftReading.objects.filter(slot=slot, symbol="")
        at = readings.order_by("-measured_at").values_list("measured_at", flat=True).first()
        if at is None:
            continue
        counts = readings.filter(measured_at=at).aggregate(
            figures=Count("id"),
            judged=Count("id", filter=Q(drifted__isnull=False)),
            drifted=Count("id", filter=Q(drifted=True)),
        )
        told[slot] = {"measured_at": at.isoformat()} | counts
    return told
