"""Sends the feed's rendered commands: one write and one round of replies a server.

Used by the pump. A cluster gets each command at the node that serves its key; the nodes work
at the same time.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import redis
from redis.connection import ConnectionPool

from market.redis_cluster import AWAY, AnyClient

Share = tuple[ConnectionPool, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that Redis refused: full memory, an id that went back, a key of another type."""

    key: bytes
    message: str

    @property
    def of_another_type(self) -> bool:
        return "WRONGTYPE" in self.message or "wrong kind of value" in self.message


def send(client: AnyClient, commands: Sequence[bytes]) -> list[Refused]:
    """Send commands and take their replies; return those that Redis refused.

    Raises redis.RedisError where Redis is away.
    """
    if isinstance(client, redis.RedisCluster):
        return _send_to_cluster(client, commands)
    return _exchange([(client.connection_pool, commands)])


def _send_to_cluster(client: redis.RedisCluster, commands: Sequence[bytes]) -> list[Refused]:
    shares: dict[str, tuple[ConnectionPool, list[bytes]]] = {}
    try:
        for command in commands:
            node = client.get_node_from_key(_key(command))  # type: ignore[no-untyped-call]
            pool = client.get_redis_connection(node).connection_pool
            shares.setdefault(node.name, (pool, []))[1].append(command)
        refused = _exchange(list(shares.values()))
        if refused:
            # Slots may have moved. What was lost is written anew with the next cell.
            client.nodes_manager.initialize()
        return refused
    except AWAY as error:
        with suppress(*AWAY):
            client.nodes_manager.initialize()
        raise redis.ConnectionError(str(error)) from error


def _exchange(shares: Sequence[Share]) -> list[Refused]:
    held = []
    refused: list[Refused] = []
    try:
        for pool, commands in shares:
            connection = pool.get_connection()
            held.append((pool, connection))
            connection.send_packed_command([b"".join(commands)])  # type: ignore[no-untyped-call]
        for (_, connection), (_, commands) in zip(held, shares, strict=True):
            for command in commands:
                try:
                    connection.read_response()
                except redis.ResponseError as error:
                    # One refused command must not stop the rest.
                    refused.append(Refused(_key(command), str(error)))
    except BaseException:
        for _, connection in held:
            # Replies left unread must not answer a later command.
            connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        for pool, connection in held:
            pool.release(connection)
    return refused


def _key(command: bytes) -> bytes:
    # *<parts> $<length> <name> $<length> <key>: neither names nor keys hold line ends.
    return command.split(b"\r\n", 5)[4]
