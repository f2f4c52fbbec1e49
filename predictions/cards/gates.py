"""The gate's verdict as a manifest states it: whether the network was let in, and why not.

Read by the cards and by the versions' history. Both engines' manifests say it in their own
words; here it has one shape.
"""

from collections.abc import Mapping
from typing import Any

from predictions.cards.criterion_meanings import criterion_meaning
from predictions.cards.figures import number_of

NETWORK_ROW = "network"


def forecast_gate(metrics: Mapping[str, Any], served: str) -> dict[str, Any] | None:
    """Return the gate of a forecaster; None where the manifest says nothing of one."""
    gate = _gate(metrics, served, NETWORK_ROW)
    return _objected(metrics, served) if gate is None else gate


def signal_gate(metrics: Mapping[str, Any], served: str) -> dict[str, Any] | None:
    """Return the gate of a signal network; None where the manifest says nothing of one."""
    return _gate(metrics, served, "CNN-LSTM")


def _gate(metrics: Mapping[str, Any], served: str, network: str) -> dict[str, Any] | None:
    gate = metrics.get("gate")
    criteria = gate.get("criteria") if isinstance(gate, Mapping) else None
    if not isinstance(gate, Mapping) or not isinstance(criteria, list):
        return None
    told = [told_criterion(each) for each in criteria if isinstance(each, Mapping)]
    return {
        "network": network,
        "passed": bool(told) and all(each["passed"] for each in told),
        "served": _text(gate.get("served")) or served,
        "best_baseline": _text(gate.get("best_baseline")),
        "criteria": told,
        "objections": [each["name"] for each in told if each["passed"] is False],
    }


def _objected(metrics: Mapping[str, Any], served: str) -> dict[str, Any] | None:
    # How manifests of forecasters told of it until criteria were kept with their figures.
    objections = metrics.get("objections")
    if not isinstance(objections, list):
        return None
    return {
        "network": NETWORK_ROW,
        "passed": not objections,
        "served": served,
        "best_baseline": _text(metrics.get("best_baseline")),
        "criteria": [],
        "objections": [str(each) for each in objections],
    }


def told_criterion(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one question, what it asks, and its answer; what is no finite number or no boolean is
    null."""
    passed, name = given.get("passed"), str(given.get("name", ""))
    return {
        "name": name,
        "meaning": criterion_meaning(name),
        "figure": number_of(given.get("figure")),
        "asked": str(given.get("asked", "")),
        "passed": passed if isinstance(passed, bool) else None,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
