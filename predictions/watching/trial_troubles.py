"""What the processes that train and try models say of themselves that a person should act on.

Read by `process_troubles`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.watching.alert import Alert, Severity

MOST_OVERDUE_SHARE = 0.05
"""Of what a model on trial should have answered lately."""


def shadows(detail: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield what is wrong with models on trial, by the account of `run_shadow`."""
    if error := detail.get("error"):
        yield Alert(
            "trials_unheard",
            Severity.WARNING,
            "shadow",
            f"Models on trial cannot follow the leader: {error}",
            "Remove that key; the loop makes it anew.",
        )
    versions = detail.get("versions")
    for each in versions if isinstance(versions, list) else ():
        if isinstance(each, Mapping):
            yield from _on_trial(each)


def retraining(detail: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield what could not be trained, by the account of `retrain`."""
    failed = detail.get("failed")
    for each in failed if isinstance(failed, list) else ():
        if isinstance(each, Mapping):
            yield Alert(
                "retraining_failed",
                Severity.WARNING,
                "retrain",
                f"{each.get('slot')} could not be trained anew: {each.get('message')}",
                "What serves goes on. This ends with the slot's next run; see the Models page.",
            )
    if not failed and (child := detail.get("child")):
        yield Alert(
            "retraining_failed",
            Severity.WARNING,
            "retrain",
            f"Retraining ended in an error: manage.py {child}.",
            "The log of the retrain process says why; it is tried again.",
        )


def _on_trial(version: Mapping[str, Any]) -> Iterator[Alert]:
    name = f"{version.get('version')} ({version.get('slot')})"
    overdue = version.get("overdue_share")
    if version.get("code"):
        yield Alert(
            "trial_refused",
            Severity.WARNING,
            "shadow",
            f"{name} is on trial and says nothing: {version.get('message')}",
            "The others go on. Mend its files, or end its trial (manage.py trial --end).",
        )
    elif isinstance(overdue, int | float) and overdue > MOST_OVERDUE_SHARE:
        yield Alert(
            "trial_behind",
            Severity.WARNING,
            "shadow",
            f"{name} is on trial and missed {overdue:.0%} of what it should have answered lately.",
            "See what takes this machine's time; decisions that it missed are not compared.",
        )
