"""Ports for the servers of tests, which nobody else on the machine is given meanwhile."""

import random
import socket

_FIRST, _LAST = 10_100, 30_000
"""Below what systems take for the near end of a connection: none is taken between two starts. From
10,100 on there is none that browsers refuse to open."""

# Not the generator that a test may have seeded.
_random = random.SystemRandom()
_held: list[socket.socket] = []


def free_port() -> int:
    """Return a TCP port of this machine that is free, and that no other test is given.

    As long as this process lives it holds the UDP port of the same number, by which processes of
    tests that run beside each other know which ones are given.
    """
    while True:
        port = _random.randrange(_FIRST, _LAST)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
        else:
            _held.append(claim)
            return port
