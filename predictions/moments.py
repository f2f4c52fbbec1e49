"""Market time in whole ms, as most columns hold it, and as the datetime that indexes hold.

Read by whatever asks the ledger about a time.
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ms: int) -> datetime:
    """Return market time in ms as the rows' `predicted_at`."""
    return EPOCH + timedelta(milliseconds=time_ms)


def milliseconds(at: datetime) -> int:
    """Return whole ms since the epoch, rounded down."""
    return (at - EPOCH) // timedelta(milliseconds=1)
