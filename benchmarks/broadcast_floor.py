"""The least a fan-out costs: a bare broadcast of `websockets` under uvloop, with nothing around it.

    python benchmarks/broadcast_floor.py

Prints its port. Each line of input is a frame, sent to everyone connected; the answer is when it
began to, in ms of the monotonic clock.
"""

import asyncio
import sys
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

LONGEST_FRAME = 2**20


async def run() -> None:
    connections: set[ServerConnection] = set()

    async def hold(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    async with serve(hold, "127.0.0.1", 0, compression=None, backlog=2_048) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        lines = asyncio.StreamReader(limit=LONGEST_FRAME)
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := await lines.readline():
            frame = line.decode().rstrip("\n")
            began_ms = time.perf_counter() * 1000
            broadcast(connections, frame)
            print(began_ms, flush=True)


if __name__ == "__main__":
    uvloop.run(run())
