"""`listing:market` as the market's heartbeat keeps it."""

import redis

from market import keys
from market.listings import VENUE_FIELD, Listing, SymbolStatus, read_listings
from market.listings_writer import ListingsWriter

LISTED = {"BTCUSDT": Listing("BTCUSDT", SymbolStatus.TRADING, tick_size=0.01)}


def test_listings_are_written_once_and_again_where_redis_lost_them(
    clean_redis: redis.Redis,
) -> None:
    writer = ListingsWriter(clean_redis, "binance", lambda: LISTED)

    assert writer.beat()
    assert not writer.beat()
    clean_redis.delete(keys.listings())
    assert writer.beat()


def test_another_type_in_the_listings_place_is_replaced(clean_redis: redis.Redis) -> None:
    for known in (True, False):
        writer = ListingsWriter(clean_redis, "binance", lambda: LISTED)
        if known:
            writer.beat()
        clean_redis.delete(keys.listings())
        clean_redis.set(keys.listings(), "foreign")

        assert writer.beat()

        fields = {
            VENUE_FIELD: clean_redis.hget(keys.listings(), VENUE_FIELD),
            "BTCUSDT": clean_redis.hget(keys.listings(), "BTCUSDT"),
        }
        assert read_listings(fields, "binance") == LISTED  # type: ignore[arg-type]  # of texts
