"""What a socket's outbox gives out, for tests."""

from dashboard.outbox import Outbox


def taken(outbox: Outbox) -> list[str]:
    """Take all that may be sent now; return the texts."""
    return [frame.text for frame in iter(outbox.next, None)]
