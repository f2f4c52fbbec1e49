"""Writes what a live market says of its symbols into Redis; the pump's heartbeat calls it."""

import time
from collections.abc import Callable, Mapping

import structlog

from market import keys
from market.clock import FieldT
from market.listings import VENUE_FIELD, Listing
from market.redis_cluster import AnyClient

REPEAT_SECONDS = 3_600.0

log = structlog.get_logger(__name__)


class ListingsWriter:
    """Writes on a change, hourly, and again where Redis has it no longer, or something else.

    client: one that answers in text.
    """

    def __init__(
        self, client: AnyClient, venue: str, listings: Callable[[], Mapping[str, Listing]]
    ) -> None:
        self._client = client
        self._venue = venue
        self._listings = listings
        self._written: Mapping[str, Listing] | None = None
        self._written_at = 0.0

    def beat(self) -> bool:
        """Write if that is due; return whether it was. Raises redis' errors."""
        listings = self._listings()
        now = time.monotonic()
        due = listings is not self._written or now - self._written_at >= REPEAT_SECONDS
        kind = self._client.type(keys.listings())
        if not due and kind == "hash":
            return False
        if kind not in ("hash", "none"):
            # Somebody put another type there; the key is the feed's.
            log.warning("redis_refused", key=keys.listings(), error=f"it holds a {kind!r}")
            self._client.delete(keys.listings())
        fields: dict[FieldT, FieldT] = {VENUE_FIELD: self._venue}
        fields |= {symbol: listing.to_json() for symbol, listing in listings.items()}
        told = self._client.hkeys(keys.listings())
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(keys.listings(), mapping=fields)
        for symbol in told:
            if symbol not in fields:  # wanted no longer
                pipeline.hdel(keys.listings(), symbol)
        pipeline.expire(keys.listings(), keys.LISTING_SECONDS)
        pipeline.execute()
        self._written, self._written_at = listings, now
        return True
