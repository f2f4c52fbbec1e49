"""Which of the loop's own keys hold another Redis type than the house writes there.

Asked where Redis refused a command, so that the key is named and Redis not called gone.
"""

from collections.abc import Mapping

from inference.handover.connections import AnyClient
from inference.vocabulary import SIGNALS
from market import keys


def expected_types(venue: str | None, shard: int, *, cluster: bool) -> Mapping[str, str]:
    """Return the types of the keys that a fenced write needs."""
    types = {
        keys.lease(SIGNALS, shard, cluster=cluster): "string",
        keys.lease_last(SIGNALS, shard, cluster=cluster): "string",
        keys.log(SIGNALS, cluster=cluster): "stream",
    }
    if venue is not None:
        types[keys.head(SIGNALS, venue, shard, cluster=cluster)] = "hash"
    return types


async def foreign_keys(client: AnyClient, types: Mapping[str, str]) -> str:
    """Return a sentence on each key that holds another type; "" where none does.

    Raises redis.RedisError where Redis is gone.
    """
    told = []
    for key, wanted in types.items():
        found = await client.type(key)
        kind = found.decode() if isinstance(found, bytes) else str(found)
        if kind not in (wanted, "none"):
            told.append(f"{key} holds a {kind} where a {wanted} belongs; remove it")
    return "; ".join(told)
