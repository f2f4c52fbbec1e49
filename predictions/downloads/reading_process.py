"""python -m predictions.downloads.reading_process: writes one download to standard output.

A process of its own, at a low priority: a million rows cost a minute of computing, which inside
the web process would hold up everyone else, and its memory goes when it ends. The order comes
from standard input, written by the web process. Read by `predictions.downloads.streaming`.
"""

import os
import signal
import sys

import django

NICENESS = 5


def main() -> int:
    """Serve one order; return the exit status."""
    os.nice(NICENESS)
    # Whoever read the pipe has gone, or all is being stopped: end without a word.
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    packed = sys.stdin.buffer.read()
    django.setup()
    # What it names can be read once Django is set up.
    from predictions.downloads.order import Order

    for part in Order.unpack(packed).parts():
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
