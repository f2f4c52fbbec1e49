"""The hot path's connections to a Redis Cluster: one link a node, asked all at once.

A pipeline is shared out by the slots of its keys once and sent as often as needed; the shares
are made anew when the cluster has moved slots. Keys stand where the hot path's commands have
them: first, or behind the number of keys of a script.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import hiredis
from redis.asyncio.connection import parse_url
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from inference.handover.link import Command, HotLink, LinkError, Pipeline, render

Address = tuple[str, int]

REDIRECTIONS = 3
"""How often a command follows a slot that moves before its error is what is returned."""

UNAVAILABLE = ("CLUSTERDOWN", "MASTERDOWN", "LOADING")
"""Error replies that mean what a lost connection means: later, it will answer."""

_SLOTS = render([("CLUSTER", "SLOTS")])

Share = tuple[Address, Pipeline, list[int]]
"""A node, what it is asked, and where its replies stand in the whole."""


class ClusterLink:
    """Has HotLink's interface. The nodes are learnt from the URL's and from each other."""

    def __init__(self, url: str, *, timeout: float, connect_timeout: float) -> None:
        options = parse_url(url)
        self._url = url
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._seed: Address = (options.get("host", "localhost"), options.get("port", 6379))
        self._links: dict[Address, HotLink] = {}
        self._owners: list[Address] = []  # by slot; empty: to be learnt
        self._shares: WeakKeyDictionary[Pipeline, list[Share]] = WeakKeyDictionary()

    @property
    def connected(self) -> bool:
        return bool(self._owners)

    async def execute(self, pipeline: Pipeline) -> list[Any]:
        """Send a pipeline and return its replies; error replies come as values.

        Raises LinkError where a node is gone or silent for longer than the time-out.
        """
        if not self._owners:
            await self._learn()
        shares = self._shares.get(pipeline)
        if shares is None:
            shares = self._shares[pipeline] = self._share_out(pipeline.commands)
        replies: list[Any] = [None] * pipeline.count
        await self._ask(shares, replies)
        for _ in range(REDIRECTIONS):
            moved = self._redirected(pipeline.commands, replies, shares)
            if not moved:
                break
            self._owners = []  # learnt anew before the next pipeline
            await self._ask(moved, replies)
            shares = moved
        return replies

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links = {}
        self._owners = []

    async def _ask(self, shares: list[Share], replies: list[Any]) -> None:
        # Every node is waited for: a link carries one pipeline at a time.
        answers = await asyncio.gather(
            *(self._link(node).execute(asked) for node, asked, _ in shares), return_exceptions=True
        )
        for (node, asked, places), answer in zip(shares, answers, strict=True):
            if isinstance(answer, BaseException):
                self._owners = []
                if isinstance(answer, LinkError):
                    raise LinkError(f"cluster node {node[0]}:{node[1]}: {answer}") from answer
                raise answer
            # A command that was announced by ASKING has two replies; the later one counts.
            step = asked.count // len(places)
            for place, reply in zip(places, answer[step - 1 :: step], strict=True):
                if isinstance(reply, hiredis.HiredisError) and str(reply).startswith(UNAVAILABLE):
                    self._owners = []
                    raise LinkError(f"cluster node {node[0]}:{node[1]}: {reply}")
                replies[place] = reply

    def _share_out(self, commands: Sequence[Command]) -> list[Share]:
        nodes: dict[Address, tuple[list[Command], list[int]]] = {}
        for place, command in enumerate(commands):
            key = _key(command)
            # What has no key, a script's text, is for every node.
            owners = set(self._owners) if key is None else {self._owners[key_slot(key)]}
            for owner in owners:
                asked, places = nodes.setdefault(owner, ([], []))
                asked.append(command)
                places.append(place)
        return [(node, render(asked), places) for node, (asked, places) in nodes.items()]

    def _redirected(
        self, commands: Sequence[Command], replies: list[Any], asked: list[Share]
    ) -> list[Share]:
        nodes: dict[tuple[Address, bool], tuple[list[Command], list[int]]] = {}
        for node, _, places in asked:
            for place in places:
                if not isinstance(replies[place], hiredis.HiredisError):
                    continue
                kind, *rest = str(replies[place]).split()
                if kind not in ("MOVED", "ASK") or len(rest) < 2:
                    continue
                host, _, port = rest[1].rpartition(":")
                target = (host or node[0], int(port))
                sent, where = nodes.setdefault((target, kind == "ASK"), ([], []))
                if kind == "ASK":
                    sent.append(("ASKING",))
                sent.append(commands[place])
                where.append(place)
        return [(target, render(sent), where) for (target, _), (sent, where) in nodes.items()]

    async def _learn(self) -> None:
        failures = []
        for node in dict.fromkeys((*self._links, self._seed)):
            try:
                (told,) = await self._link(node).execute(_SLOTS)
            except LinkError as error:
                failures.append(f"{node[0]}:{node[1]}: {error}")
                continue
            if isinstance(told, hiredis.HiredisError):
                failures.append(f"{node[0]}:{node[1]} is no node of a cluster: {told}")
                continue
            owners = _owners(told, node[0])
            if len(owners) == REDIS_CLUSTER_HASH_SLOTS:
                self._adopt(owners)
                return
            failures.append(
                f"{node[0]}:{node[1]} knows the owners of {len(owners)} of "
                f"{REDIS_CLUSTER_HASH_SLOTS} slots"
            )
        raise LinkError(f"no Redis Cluster: {'; '.join(failures)}")

    def _adopt(self, owners: dict[int, Address]) -> None:
        self._owners = [owners[slot] for slot in range(REDIS_CLUSTER_HASH_SLOTS)]
        self._shares.clear()
        nodes = set(self._owners)
        for gone in [node for node in self._links if node not in nodes]:
            self._links.pop(gone).close()

    def _link(self, node: Address) -> HotLink:
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = HotLink(
                self._url,
                timeout=self._timeout,
                connect_timeout=self._connect_timeout,
                address=node,
                linger=False,  # the nodes are waited for together
            )
        return link


def _key(command: Command) -> bytes | None:
    if command[0] == "SCRIPT":
        return None
    key = command[3] if command[0] == "EVALSHA" else command[1]
    return key if isinstance(key, bytes) else key.encode()


def _owners(told: Any, asked: str) -> dict[int, Address]:
    owners: dict[int, Address] = {}
    for first, last, primary, *_ in told:
        # A node that does not know its own name means the one that was asked.
        host = primary[0].decode() if primary[0] else ""
        owner = (host if host not in ("", "?") else asked, int(primary[1]))
        owners.update(dict.fromkeys(range(first, last + 1), owner))
    return owners
