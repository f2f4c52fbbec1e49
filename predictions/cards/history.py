"""A slot's history: how versions were judged, what was done and tried, what has drifted.

Read by `/api/models/history` and `/api/models/runs/ID`. Every list is bounded; unknown is null.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from inference.artefacts.versions import Slot
from predictions.cards.figures import number_of
from predictions.cards.gates import told_criterion
from predictions.cards.slots import told_deed
from predictions.cards.trials import Told, told_versions
from predictions.models import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    TrainingRun,
    TrainingTrial,
)
from predictions.promotion.told import DriftKind

MOST_VERSIONS = 50
MOST_VERDICTS = 20
MOST_RUNS = 20
MOST_DEEDS = 50
MOST_READINGS = 500
MOST_TRIALS = 500

_KINDS: dict[str, int] = {DriftKind.LOSS: 0, DriftKind.CALIBRATION: 1, DriftKind.FEATURE: 2}


def slot_history(slot: Slot) -> Told:
    """Return what is known of a slot's past, the newest first."""
    name = str(slot)
    versions = ModelVersion.objects.filter(slot=name).order_by("-created_at", "-id")
    # By id, which has an index: rows are only ever added.
    verdicts = GateVerdict.objects.filter(Q(version__slot=name) | Q(run__slot=name)).order_by("-id")
    runs = TrainingRun.objects.filter(slot=name).select_related("version").order_by("-id")
    promotions = Promotion.objects.filter(slot=name).order_by("-id")
    return {
        "slot": name,
        "versions": told_versions(slot, versions[:MOST_VERSIONS]),
        "verdicts": [told_verdict(row) for row in verdicts[:MOST_VERDICTS]],
        "runs": [told_run(row) for row in runs[:MOST_RUNS]],
        "promotions": [told_deed(row) for row in promotions[:MOST_DEEDS]],
        "drift": newest_drift(name),
    }


def run_report(pk: int) -> Told | None:
    """Return a run with its options, figures, trials and verdicts; None where there is none."""
    run = TrainingRun.objects.select_related("version").filter(pk=pk).first()
    if run is None:
        return None
    trials = TrainingTrial.objects.filter(run=run).order_by("number")[:MOST_TRIALS]
    verdicts = GateVerdict.objects.filter(run=run)[:MOST_VERDICTS]
    return told_run(run) | {
        "symbols": run.symbols,
        "source": run.source or None,
        "options": plain(run.options),
        "metrics": plain(run.metrics),
        "tried": [_trial(row) for row in trials],
        "verdicts": [told_verdict(row) for row in verdicts],
    }


def told_verdict(row: GateVerdict) -> Told:
    """Return one judgement with every criterion; a figure that is unknown is null."""
    return {
        "id": row.pk,
        "stage": row.stage,
        "challenger": row.challenger,
        "against": row.against,
        "passed": row.passed,
        "criteria": [told_criterion(each) for each in row.criteria if isinstance(each, Mapping)],
        "n": row.n,
        "n_eff": number_of(row.n_eff),
        "run": row.run_id,
        "decided_at": row.decided_at.isoformat(),
    }


def told_run(row: TrainingRun) -> Told:
    """Return a run as the lists tell it."""
    return {
        "id": row.pk,
        "slot": row.slot,
        "trigger": row.trigger,
        "cause": row.cause or None,
        "state": row.state,
        "step": row.step,
        "message": row.message or None,
        "trials": row.trials,
        "version": None if row.version is None else row.version.version,
        "venue": row.venue or None,
        "data_digest": row.data_digest or None,
        "started_at": row.started_at.isoformat(),
        "worked_at": row.worked_at.isoformat(),
        "ended_at": _iso(row.ended_at),
    }


def newest_drift(slot: str) -> Told | None:
    """Return a slot's newest readings, what has drifted first; None where nothing was measured."""
    readings = DriftReading.objects.filter(slot=slot)
    at = readings.order_by("-measured_at").values_list("measured_at", flat=True).first()
    if at is None:
        return None
    # Of each coin only what drifted: the slot as a whole has a row of each figure.
    shown = readings.filter(Q(symbol="") | Q(drifted=True), measured_at=at)
    rows = sorted(shown[:MOST_READINGS], key=_by_distance)
    return {
        "measured_at": at.isoformat(),
        "readings": [
            {
                "venue": row.venue,
                "symbol": row.symbol or None,
                "version": row.version,
                "kind": row.kind,
                "name": row.name,
                "value": number_of(row.value),
                "effect": number_of(row.effect),
                "reference": number_of(row.reference),
                "bound": number_of(row.bound),
                "against": row.against or None,
                "drifted": row.drifted,
                "n": row.n,
                "n_eff": number_of(row.n_eff),
            }
            for row in rows
        ],
    }


def plain(value: object) -> Any:
    """Return JSON values as every JSON reader takes them: what is no finite number is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _trial(row: TrainingTrial) -> Told:
    return {
        "number": row.number,
        "model": row.model,
        "params": plain(row.params),
        "loss": number_of(row.loss),
        "metrics": plain(row.metrics),
        "chosen": row.chosen,
        "made_at": row.made_at.isoformat(),
    }


def _by_distance(row: DriftReading) -> tuple[int, bool, float, float, str]:
    psi, effect = (-(number_of(each) or 0.0) for each in (row.value, row.effect))
    return _KINDS.get(row.kind, len(_KINDS)), not row.drifted, psi, effect, row.name + row.symbol


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
