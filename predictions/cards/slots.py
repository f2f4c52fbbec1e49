"""Each slot at a glance: who serves it, who did before, who is on trial, what holds it still.

Read by the report that `/api/models` answers with. From the rows of the database; what really
serves, the files say. Unknown is null.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q

from inference.artefacts.catalogue import Catalogue
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.versions import SLOTS, Slot
from inference.vocabulary import FORECASTS
from predictions.cards.cards import is_own
from predictions.models import DriftReading, ModelVersion, Promotion, TrainingRun
from predictions.models.retraining import Action, Origin, VersionState

CROWNING = (Action.PROMOTE, Action.ROLLBACK)
HOLDING = (Action.FREEZE, Action.UNFREEZE)
ON_TRIAL = (VersionState.SHADOW, VersionState.PREVIOUS)
"""The champion's predecessor goes on predicting, so that a rollback has something to go by."""

Told = dict[str, Any]
Served = Mapping[str, tuple[str, bool]]


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


def slots_report(served: Served, now: datetime) -> list[Told]:
    """Return a row a slot. Raises DatabaseError where the database does not answer."""
    versions: dict[str, list[ModelVersion]] = {}
    standing = Q(state__in=(VersionState.CHAMPION, *ON_TRIAL))
    for row in ModelVersion.objects.filter(standing).order_by("since", "id"):
        versions.setdefault(row.slot, []).append(row)
    crowned, held = _newest_deeds(CROWNING), _newest_deeds(HOLDING)
    runs, drifts = _newest_runs(), _drift_counts()
    return [
        _slot(slot, served, versions.get(str(slot), ()), crowned, now)
        | {
            "frozen": _frozen(held.get(str(slot))),
            "run": runs.get(str(slot)),
            "drift": drifts.get(str(slot)),
        }
        for slot in SLOTS
    ]


def told_version(row: ModelVersion) -> Told:
    """Return what is known of a version, as every answer tells it."""
    return {
        "version": row.version,
        "state": row.state,
        "origin": row.origin,
        "since": row.since.isoformat(),
        "architecture": row.architecture,
        "digest": row.digest,
        "data_digest": row.data_digest or None,
        "venue": row.venue or None,
        "span_from": row.span_from,
        "span_to": row.span_to,
    }


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


def trial_days(slot: Slot) -> float:
    """Return how many days a challenger of that slot is on trial before it is looked at."""
    days: float = settings.SHADOW_DAYS_SIGNALS if slot.timeframe else settings.SHADOW_DAYS_FORECASTS
    return days


def _slot(
    slot: Slot,
    served: Served,
    rows: Sequence[ModelVersion],
    crowned: Mapping[str, Promotion],
    now: datetime,
) -> Told:
    version, promoted = served.get(str(slot), (None, False))
    champion = next((row for row in rows if row.version == version), None)
    previous = next((row for row in rows if row.state == VersionState.PREVIOUS), None)
    deed = crowned.get(str(slot))
    if deed is not None and deed.version != version:
        deed = None  # what serves came there another way
    return {
        "slot": str(slot),
        "engine": slot.engine,
        "timeframe": None if slot.timeframe is None else slot.timeframe.value,
        "champion": None
        if version is None
        else {
            "version": version,
            "origin": _origin(champion, promoted),
            "since": None if deed is None else deed.done_at.isoformat(),
            "by": None if deed is None else deed.by,
            "why": None if deed is None else deed.why,
        },
        "previous": None if previous is None else previous.version,
        "trials": [_trial(slot, row, now) for row in rows if row.state in ON_TRIAL],
    }


def _origin(row: ModelVersion | None, promoted: bool) -> str | None:
    if row is not None:
        return row.origin
    return None if promoted else Origin.SHIPPED.value


def _trial(slot: Slot, row: ModelVersion, now: datetime) -> Told:
    told = told_version(row) | {"until": None, "days_left": None}
    if row.state != VersionState.SHADOW:
        return told  # it is watched, not waiting to be judged
    until = row.since + timedelta(days=trial_days(slot))
    left = max(0.0, (until - now).total_seconds() / 86_400)
    return told | {"until": until.isoformat(), "days_left": round(left, 2)}


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
            figures=Count("id"), drifted=Count("id", filter=Q(drifted=True))
        )
        told[slot] = {"measured_at": at.isoformat()} | counts
    return told
