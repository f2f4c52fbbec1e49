"""Tell whether a process is alive: `python -m cryptosite.processes.heartbeat NAME`.

For health checks of containers that serve no HTTP. Exit status 0 where the heartbeat is
there, 1 where it has lapsed or Redis does not answer.
"""

import sys

from redis.exceptions import MovedError

from cryptosite import env
from market import keys
from market.redis_cluster import AWAY, connect


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m cryptosite.processes.heartbeat NAME", file=sys.stderr)
        return 64
    url = env.text("REDIS_URL", "redis://localhost:6379/0", secret=True)
    try:
        beats = _beats(url, keys.health(arguments[0]))
    except AWAY as error:
        print(f"Redis does not answer: {error}", file=sys.stderr)
        return 1
    if not beats:
        print(f"no heartbeat of {arguments[0]}", file=sys.stderr)
    return 0 if beats else 1


def _beats(url: str, key: str) -> int:
    options = {"socket_timeout": 2, "socket_connect_timeout": 2}
    try:
        with connect(url, cluster=False, **options) as client:
            return int(client.exists(key))
    except MovedError:
        # The URL names one node of a cluster, and another one has the heartbeat.
        with connect(url, cluster=True, **options) as client:
            return int(client.exists(key))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
