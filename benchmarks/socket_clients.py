"""Very many WebSocket clients in one process, as light as they can be: for `benchmarks/fanout.py`.

    python benchmarks/socket_clients.py PORT PATH COUNT

Prints `ready` once all are connected and have what a server sends first (a line of input says
that this has settled). From then on each line of input is the number of a tick, and the answer
is when each client had that tick's whole frame, in ms of the monotonic clock, as one JSON list.
Clients answer pings, so that no server closes them.
"""

import json
import os
import re
import select
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable

SEQ = re.compile(rb'"seq":(\d+)')
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TOGETHER = 10
"""Connections that are being made at one time."""

TICK = (b'{"type":"predictions"', b'{"type":"prediction"')
PING, CLOSE = 0x89, 0x88


class Client:
    """One connection; tells of each tick that it has whole."""

    def __init__(self, port: int, path: str, ticked: Callable[[int, float], None]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._ticked = ticked
        self._received = bytearray()
        self.upgraded = False
        self.socket.sendall(UPGRADE.format(path=path, port=port).encode())
        self.socket.setblocking(False)

    def read(self) -> None:
        """Take what has come. Raises ConnectionError where the server has closed."""
        part = self.socket.recv(2**18)
        at_ms = time.perf_counter() * 1000
        if not part:
            raise ConnectionError("the server closed a connection")
        self._received += part
        if not self.upgraded:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._received.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(bytes(self._received[:200]).decode(errors="replace"))
            self.upgraded = True
            del self._received[: end + 4]
        while self._frame(at_ms):
            pass

    def _frame(self, at_ms: float) -> bool:
        received = self._received
        if len(received) < 2:
            return False
        begin, length = 2, received[1]
        if length > 125:
            begin = 4 if length == 126 else 10
            if len(received) < begin:
                return False
            length = int.from_bytes(received[2:begin], "big")
        if len(received) < begin + length:
            return False
        kind = received[0]
        if kind == PING:
            # An empty mask is a mask.
            answer = bytes([0x8A, 0x80 | length, 0, 0, 0, 0]) + received[begin : begin + length]
            self.socket.send(answer)
        elif kind == CLOSE:
            raise ConnectionError("the server says good-bye")
        elif received.startswith(TICK, begin):
            found = SEQ.search(received, begin, begin + length)
            if found:
                self._ticked(int(found[1]), at_ms)
        del received[: begin + length]
        return True


class Crowd:
    """All clients of this process, read by one loop."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._port, self._path, self._count = port, path, count
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._times: defaultdict[int, list[float]] = defaultdict(list)

    def connect(self) -> None:
        while len(self._clients) < self._count:
            made = []
            for _ in range(min(TOGETHER, self._count - len(self._clients))):
                client = Client(self._port, self._path, self._ticked)
                made.append(client)
                self._clients[client.socket.fileno()] = client
                self._poll.register(client.socket.fileno(), select.EPOLLIN)
            while not all(client.upgraded for client in made):
                self.read(0.1)

    def read(self, seconds: float) -> bool:
        """Read what has come; say whether there is a line of input."""
        asked = False
        for number, _ in self._poll.poll(seconds, self._count + 1):
            if number == 0:
                asked = True
            else:
                self._clients[number].read()
        return asked

    def serve(self) -> None:
        os.set_blocking(0, False)
        self._poll.register(0, select.EPOLLIN)
        lines = b""
        while True:
            if not self.read(1.0):
                continue
            part = os.read(0, 4_096)
            if not part:
                return
            lines += part
            while b"\n" in lines:
                line, _, lines = lines.partition(b"\n")
                self._answer(int(line))

    def _answer(self, seq: int) -> None:
        until = time.monotonic() + 20
        while len(self._times[seq]) < self._count and time.monotonic() < until:
            self.read(0.05)
        print(json.dumps(self._times.pop(seq)), flush=True)

    def _ticked(self, seq: int, at_ms: float) -> None:
        self._times[seq].append(at_ms)


def main() -> None:
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    crowd = Crowd(port, path, count)
    crowd.connect()
    print("ready", flush=True)
    crowd.serve()


if __name__ == "__main__":
    main()
