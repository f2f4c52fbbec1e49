"""How many downloads run at a time: a bound a client and a bound a web process.

Each large download has a process and a connection to the database. Whoever comes too many is told
when to try again.
"""

import threading
import weakref
from collections import Counter

from rest_framework import exceptions, status

MOST_AT_A_TIME = 4
MOST_A_CLIENT = 2


class TooManyDownloadsError(exceptions.APIException):
    """This client downloads already; it waits for its own."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_downloads"
    default_detail = "your other downloads are still running; try again when one has ended"
    wait = 10


class DownloadsBusyError(exceptions.APIException):
    """Others download already; the client tries again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "downloads_busy"
    default_detail = "as many downloads as may are running; try again soon"
    wait = 10


class Slots:
    """Who downloads now."""

    def __init__(self, at_a_time: int = MOST_AT_A_TIME, a_client: int = MOST_A_CLIENT) -> None:
        self._at_a_time = at_a_time
        self._a_client = a_client
        self._clients: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, client: str) -> "Slot":
        """Return a slot. Raises TooManyDownloadsError or DownloadsBusyError where none is left."""
        with self._lock:
            if self._clients[client] >= self._a_client:
                raise TooManyDownloadsError
            if self._clients.total() >= self._at_a_time:
                raise DownloadsBusyError
            self._clients[client] += 1
        return Slot(self, client)

    @property
    def running(self) -> int:
        """How many downloads hold a slot now."""
        with self._lock:
            return self._clients.total()

    def give_back(self, client: str) -> None:
        with self._lock:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


class Slot:
    """One download's place, given back once: when told, or when nobody holds it any more."""

    def __init__(self, slots: Slots, client: str) -> None:
        self.release = weakref.finalize(self, slots.give_back, client)


slots = Slots()
