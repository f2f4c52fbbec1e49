"""What can go wrong on an exchange, on demand: kinds, and which are going on.

Read by the exchange, its sessions and REST handlers, which ask at each turn whether a fault holds.
Each fault has a begin and an end, so that the time to recover from its end can be measured.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import msgspec


class FaultKind(StrEnum):
    """The faults. Those marked (once) are over as soon as they happened."""

    DROP = "drop"  # (once) every connection is aborted
    REFUSE = "refuse"  # connections are reset at once, REST too
    SILENT = "silent"  # frames are lost while connections stay; pongs=false: no pongs either
    HOLD = "hold"  # frames are held back, and all come at the fault's end
    SKIP = "skip"  # (once) the next `count` depth frames are left out
    DUPLICATE = "duplicate"  # every frame comes twice
    REORDER = "reorder"  # neighbours of a stream change places
    GARBAGE = "garbage"  # each frame is followed by one that is no JSON, or none that is known
    TRUNCATED = "truncated"  # (once) the next `count` frames are cut in half
    CUT_FRAME = "cut_frame"  # (once) half a WebSocket frame, then the connection is aborted
    BURST = "burst"  # the recording runs `factor` times as fast
    SKEW = "skew"  # the exchange's clock is wrong by `offset_ms`
    # REST, and WebSocket handshakes where `handshakes`, get `status`; retry_after: in seconds
    STATUS = "status"
    SLOW = "slow"  # REST answers after `delay_seconds`
    HALTED = "halted"  # status BREAK, and no frames
    DELISTED = "delisted"  # gone from the exchange's list, and no frames
    LIFETIME = "lifetime"  # connections are closed when they are `after_seconds` old


FOREVER_SECONDS = 1e9


class Fault(msgspec.Struct, kw_only=True):
    """One fault. symbol, stream (`depth@100ms`): what it is about, "" for all.

    seconds: how long it lasts; since_ms, until_ms: UTC, filled in when it begins and ends.
    """

    kind: FaultKind
    symbol: str = ""
    stream: str = ""
    seconds: float = FOREVER_SECONDS
    count: int = 1
    factor: float = 50.0
    offset_ms: int = 0
    status: int = 429
    retry_after: float | None = None
    handshakes: bool = False
    delay_seconds: float = 1.0
    after_seconds: float = 0.0
    pongs: bool = True
    number: int = 0
    since_ms: float = 0.0
    until_ms: float | None = None

    def concerns(self, symbol: str, stream: str = "") -> bool:
        return self.symbol in ("", symbol) and (not stream or self.stream in ("", stream))


KEPT = 200
"""Faults that are over and still told of."""


class Faults:
    """Those that are going on, and those that were."""

    def __init__(self, now_ms: Callable[[], float] = lambda: time.time() * 1e3) -> None:
        self._now_ms = now_ms
        self._numbers = itertools.count(1)
        self.going_on: list[Fault] = []
        self.over: list[Fault] = []

    def begin(self, fault: Fault) -> Fault:
        fault.number = next(self._numbers)
        fault.since_ms = self._now_ms()
        fault.until_ms = None
        self.going_on.append(fault)
        return fault

    def end(self, fault: Fault) -> None:
        """End a fault now; one that is over stays as it ended."""
        if fault in self.going_on:
            self.going_on.remove(fault)
            fault.until_ms = self._now_ms()
            self.over.append(fault)
            del self.over[:-KEPT]

    def expire(self) -> list[Fault]:
        """End those whose time is up, and return them."""
        now_ms = self._now_ms()
        ended = [each for each in self.going_on if now_ms >= each.since_ms + each.seconds * 1e3]
        for fault in ended:
            self.end(fault)
        return ended

    def of(self, *kinds: FaultKind) -> Iterator[Fault]:
        return (fault for fault in self.going_on if fault.kind in kinds)

    def holds(self, kind: FaultKind, symbol: str = "", stream: str = "") -> Fault | None:
        """Return the fault of this kind that concerns a symbol's stream now, if any."""
        for fault in self.going_on:
            if fault.kind is kind and (not symbol or fault.concerns(symbol, stream)):
                return fault
        return None

    def skew_ms(self) -> int:
        return sum(fault.offset_ms for fault in self.of(FaultKind.SKEW))

    def mute(self) -> bool:
        """Tell whether not even pongs go out."""
        return any(not fault.pongs for fault in self.of(FaultKind.SILENT))

    def speed(self) -> float:
        return max((fault.factor for fault in self.of(FaultKind.BURST)), default=1.0)


def read_fault(fields: dict[str, Any]) -> Fault:
    """Make a fault of a request's fields. Raises ValueError naming the field that is wrong."""
    unknown = sorted(set(fields) - set(Fault.__struct_fields__))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no field of a fault")
    try:
        return msgspec.convert(fields, Fault, strict=False)
    except msgspec.ValidationError as error:
        kinds = ", ".join(FaultKind)
        raise ValueError(f"{error}; kinds are {kinds}") from error


def parse_fault(text: str) -> tuple[float, Fault]:
    """Read `KIND[:field=value,…]` as a command line has it: `silent:at=30,seconds=5`.

    Returns seconds after the start (`at`), and the fault. Raises ValueError.
    """
    kind, _, rest = text.partition(":")
    pairs = [part.partition("=") for part in rest.split(",") if part]
    fields = {name: value for name, _, value in pairs}
    at = fields.pop("at", "0")
    try:
        begins = float(at)
    except ValueError as error:
        raise ValueError(f"at={at}: not a number of seconds") from error
    return begins, read_fault({"kind": kind, **fields})
