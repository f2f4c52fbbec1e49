"""What is wrong with the models that serve, in words: rolled back of late, or losing and kept.

Read by the alerts.
"""

from collections.abc import Iterator

from inference.signals.signal import iso
from predictions.promotion.told_watches import Standing, WatchesTold, WatchTold
from predictions.watching.alert import Alert, Severity

TOLD_FOR_MS = 86_400_000
"""A rollback is told of for a day."""

_WHY_KEPT = {
    Standing.FROZEN: "the slot is frozen",
    Standing.NOTHING_BEFORE: "no version served before it",
    Standing.REFUSED: "going back was refused",
}


def retraining_troubles(told: WatchesTold | None, now_ms: int) -> Iterator[Alert]:
    """Yield what the rollback watches found. now_ms: wall time; told None: nothing is known."""
    if told is None:
        return
    for gone in told.rolled_back:
        if now_ms - gone.at_ms < TOLD_FOR_MS:
            yield Alert(
                "model_rolled_back",
                Severity.WARNING,
                gone.slot,
                f"{gone.version} was rolled back to {gone.to} at {iso(gone.at_ms)[:16]} UTC: "
                f"{gone.why}.",
                "See the Models page; nothing need be done. This ends a day after.",
            )
    for watch in told.watches:
        if watch.standing is not Standing.WATCHING:
            yield _kept(watch)


def _kept(watch: WatchTold) -> Alert:
    detail = f" ({watch.problem})" if watch.standing is Standing.REFUSED else ""
    return Alert(
        "model_loses",
        Severity.WARNING,
        watch.slot,
        f"{watch.version} loses to {watch.rival}, evidence {watch.highest:.0f} to 1, and still "
        f"serves: {_WHY_KEPT[watch.standing]}{detail}.",
        "See manage.py models; promote another version, or unfreeze the slot.",
    )
