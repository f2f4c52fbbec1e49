"""A real Redis Cluster of three nodes on free loopback ports, for tests."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from cryptosite.processes.redis_layout import find_program
from tests.ports import free_port
from tests.waiting import eventually_sync

NODES = 3


@dataclass
class Node:
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5, decode_responses=True)


@dataclass
class Cluster:
    nodes: list[Node]

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def owner(self, key: str) -> int:
        """Return the index of the node that serves the key's slot."""
        with self.nodes[0].client() as client:
            slot = client.execute_command("CLUSTER KEYSLOT", key)
        return next(index for index in range(NODES) if slot < _first(index + 1))

    def move(self, key: str, to: int) -> None:
        """Move the slot of `key` with all that lies in it, as a re-sharding does."""
        source, target = self.nodes[self.owner(key)], self.nodes[to]
        with source.client() as old, target.client() as new:
            slot = old.execute_command("CLUSTER KEYSLOT", key)
            old_id, new_id = (each.execute_command("CLUSTER MYID") for each in (old, new))
            new.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", old_id)
            old.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", new_id)
            for name in old.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000):
                old.execute_command("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
            for client in (new, old):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", new_id)

    def keys(self, index: int) -> set[str]:
        with self.nodes[index].client() as client:
            return set(client.keys())

    def flush(self) -> None:
        for node in self.nodes:
            with node.client() as client:
                client.flushall()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Yield a cluster that serves every slot; end its processes."""
    with tempfile.TemporaryDirectory(prefix="cs-cluster-") as directory:
        nodes: list[Node] = []
        try:
            for index in range(NODES):
                node = _start(Path(directory) / str(index))
                nodes.append(node)
            _join(nodes)
            yield Cluster(nodes)
        finally:
            for node in nodes:
                node.process.kill()
            for node in nodes:
                node.process.wait(10)


def _start(directory: Path) -> Node:
    directory.mkdir()
    port, bus = free_port(), free_port()
    command = [
        str(find_program()), "--port", str(port), "--cluster-port", str(bus),
        "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-node-timeout", "15000",
        "--dir", str(directory), "--save", "", "--appendonly", "no", "--loglevel", "warning",
    ]  # fmt: skip
    node = Node(port, subprocess.Popen(command, stdout=subprocess.DEVNULL))
    with node.client() as client:
        eventually_sync(lambda: _answers(client))
    return node


def _join(nodes: list[Node]) -> None:
    for index, node in enumerate(nodes):
        with node.client() as client:
            first, after = _first(index), _first(index + 1)
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
            # Distinct epochs at once; nodes that agree on one sort it out only later.
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
    with nodes[0].client() as client:
        for node in nodes[1:]:
            with node.client() as other:
                bus = int(other.config_get("cluster-port")["cluster-port"])
            client.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
    for node in nodes:
        with node.client() as client:
            eventually_sync(partial(_complete, client))


def _first(index: int) -> int:
    return REDIS_CLUSTER_HASH_SLOTS * index // NODES


def _complete(client: redis.Redis) -> bool:
    info = client.execute_command("CLUSTER INFO")
    told = (
        info
        if isinstance(info, dict)
        else dict(line.split(":") for line in info.split("\r\n") if ":" in line)
    )
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == NODES


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
