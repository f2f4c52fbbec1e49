"""From what is wrong at one look to incidents: each told once, and once that it is over.

What lasts shorter than the hold is never told; what comes back before the recovery was told is
the same incident. One that gets worse, from a warning to critical, is told once more. Numbers and
words only: no clock, no store. Read by the alerts' process.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from predictions.watching.alert import Alert, Severity

SLOW_SECONDS: Mapping[str, float] = {"process_degraded": 120.0}
"""Codes that must last longer: a loop whose market has just opened is degraded for a minute, until
the windows of its features are full."""

Key = tuple[str, str]
"""Code and subject: one incident at a time has them."""


@dataclass(frozen=True, slots=True)
class Begun:
    """It has been wrong since `since` (UTC seconds), long enough to be told."""

    alert: Alert
    since: float


@dataclass(frozen=True, slots=True)
class Ended:
    """It was wrong from `since` to `until` (UTC seconds), and has been right long enough."""

    alert: Alert
    since: float
    until: float


Change = Begun | Ended


@dataclass(slots=True)
class _Trouble:
    alert: Alert
    since: float
    told: Severity | None = None
    gone_since: float | None = None


class IncidentBook:
    """What is wrong, since when, and what of it was told. Times are UTC seconds."""

    def __init__(self, hold_seconds: float, recovery_seconds: float) -> None:
        self._hold = hold_seconds
        self._recovery = recovery_seconds
        self._troubles: dict[Key, _Trouble] = {}

    @property
    def open(self) -> dict[Key, float]:
        """Return what was told and is not over, and since when it is wrong."""
        return {key: each.since for key, each in self._troubles.items() if each.told is not None}

    def restore(self, told: Iterable[tuple[Alert, float]]) -> None:
        """Take over incidents that were told before, by this process or another."""
        for alert, since in told:
            held = self._troubles.setdefault(_key(alert), _Trouble(alert, since))
            held.since, held.told = since, alert.severity

    def forget(self) -> None:
        """Drop everything: another process tells."""
        self._troubles.clear()

    def observe(
        self, alerts: Iterable[Alert], now: float, is_unknown: Callable[[Key], bool]
    ) -> list[Change]:
        """Return what is to be told after a look.

        is_unknown: whether this look cannot tell of a key, which then neither ends nor is new.
        """
        seen = _by_key(alerts)
        changes: list[Change] = []
        for key, alert in seen.items():
            trouble = self._troubles.setdefault(key, _Trouble(alert, now))
            trouble.alert, trouble.gone_since = alert, None
            hold = max(self._hold, SLOW_SECONDS.get(alert.code, 0.0))
            if now - trouble.since >= hold and _is_worse(alert.severity, trouble.told):
                trouble.told = alert.severity
                changes.append(Begun(alert, trouble.since))
        for key in [key for key in self._troubles if key not in seen]:
            if is_unknown(key):
                self._troubles[key].gone_since = None
            elif ended := self._gone(key, now):
                changes.append(ended)
        return changes

    def _gone(self, key: Key, now: float) -> Ended | None:
        trouble = self._troubles[key]
        if trouble.told is None:
            del self._troubles[key]
            return None
        if trouble.gone_since is None:
            trouble.gone_since = now
        if now - trouble.gone_since < self._recovery:
            return None
        del self._troubles[key]
        return Ended(trouble.alert, trouble.since, trouble.gone_since)


def _is_worse(severity: Severity, told: Severity | None) -> bool:
    order = list(Severity)
    return told is None or order.index(severity) < order.index(told)


def _key(alert: Alert) -> Key:
    return alert.code, alert.subject


def _by_key(alerts: Iterable[Alert]) -> Mapping[Key, Alert]:
    # Several of one kind (files that are refused, say) are one incident: the first is told.
    seen: dict[Key, Alert] = {}
    for alert in alerts:
        seen.setdefault(_key(alert), alert)
    return seen
