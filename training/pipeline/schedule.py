"""When models are trained anew: Sundays, or the first of the month, at 00:30 UTC."""

from datetime import UTC, datetime, timedelta

OFF, WEEKLY, MONTHLY = "off", "weekly", "monthly"
SCHEDULES = (OFF, WEEKLY, MONTHLY)
_AT = timedelta(minutes=30)
_SUNDAY = 6


def last_due(schedule: str, now: datetime) -> datetime | None:
    """Return when a run was due last, at or before now; None for `off`."""
    if schedule == OFF:
        return None
    midnight = (now - _AT).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if schedule == MONTHLY:
        return midnight.replace(day=1) + _AT
    return midnight - timedelta(days=(midnight.weekday() - _SUNDAY) % 7) + _AT


def next_due(schedule: str, now: datetime) -> datetime | None:
    """Return when a run is due next, after now; None for `off`."""
    last = last_due(schedule, now)
    if last is None:
        return None
    if schedule == MONTHLY:
        # The 32nd day from a first lies in the next month.
        return (last + timedelta(days=31)).replace(day=1)
    return last + timedelta(days=7)
