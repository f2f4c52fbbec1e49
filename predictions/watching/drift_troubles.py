"""What has drifted from what the serving models learned, in words.

Read by the alerts. A drift that lasts begins a training run, never a promotion.
"""

from collections.abc import Iterator

from predictions.promotion.told import DriftFigure, DriftKind, DriftTold, SlotDrift
from predictions.watching.alert import Alert, Severity, names


def drift_troubles(told: DriftTold | None, venue: str | None) -> Iterator[Alert]:
    """Yield the slots that drifted. told None: nothing is known; venue: whose market runs."""
    if told is None or told.venue != venue:
        return
    for slot in told.slots:
        if slot.drifted:
            yield Alert(
                "model_drifted",
                Severity.WARNING,
                slot.slot,
                f"{slot.version} meets another market than it learned from: {_words(slot)}.",
                "Where it lasts, retraining trains a challenger by itself; without it, run "
                "manage.py retrain. See the Models page.",
            )


def _words(slot: SlotDrift) -> str:
    inputs = [each for each in slot.drifted if each.kind is DriftKind.FEATURE]
    inputs.sort(key=lambda each: -(each.value or 0.0))
    told = [_outcome(each) for each in slot.drifted if each.kind is not DriftKind.FEATURE]
    if inputs:
        told.append(f"drifted are {names([_input(each) for each in inputs])}")
    return "; ".join(told)


def _outcome(each: DriftFigure) -> str:
    changed = f"{_number(each.value)} after {_number(each.reference)}"
    if each.kind is DriftKind.LOSS:
        return f"its {each.name} is {changed} times the baseline's"
    return f"its calibration of {each.name} is off by {changed}"


def _input(each: DriftFigure) -> str:
    worst = f" most in {each.worst}" if each.worst else ""
    return f"{each.name} (PSI {_number(each.value)}{worst})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
