"""The market process as `manage.py run_market_feed` runs it, which also says how late it is.

    python -m benchmarks.measured_market SECONDS FILE

Run by benchmarks/live_feed.py, with the settings in its environment. Told to begin
by SIGUSR1, it gathers for SECONDS, in memory, writes FILE and ends.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from market.feeds import Batch
from market.pump import Pump


class Written(msgspec.Struct):
    """What was heard and written meanwhile.

    late_ms: from when a cell was due, or its newest event arrived if later, to Redis's
    acknowledgement; with_slot_ms: from each event's arrival.
    """

    messages: int = 0
    cells: int = 0
    late_ms: list[float] = []
    with_slot_ms: list[float] = []
    counters: dict[str, int] = {}
    synced: int = 0


class Measurement:
    """Begins when told, ends the process when its time is over."""

    def __init__(self, seconds: float, path: Path) -> None:
        self._seconds = seconds
        self._path = path
        self._ends = 0.0
        self._feed: Any = None
        self._told = Written()

    def begin(self, *_: Any) -> None:
        self._ends = time.monotonic() + self._seconds
        self._told.messages = -self._feed._hearing.frames

    def watch(self, pump: Pump) -> None:
        feed: Any = pump._feed
        self._feed = feed

        def written(batch: Batch, wall: float) -> None:
            if not self._ends:
                return
            told, wall_ms = self._told, wall * 1e3
            events = [event.recv_ns / 1e6 for event in batch.events]
            told.cells += 1
            told.late_ms.append(wall_ms - max(batch.until_ms, max(events, default=0.0)))
            told.with_slot_ms += [wall_ms - arrived for arrived in events[::16]]
            if time.monotonic() > self._ends:
                told.messages += feed._hearing.frames
                told.counters = dict(feed.counters)
                told.synced = sum(each.book.synced for each in pump.tracker.symbols.values())
                self._path.write_bytes(msgspec.json.encode(told))
                self._ends = 0.0
                os.kill(os.getpid(), signal.SIGTERM)

        pump.on_written = written


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptosite.settings")
    measurement = Measurement(float(sys.argv[1]), Path(sys.argv[2]))
    signal.signal(signal.SIGUSR1, measurement.begin)
    made = Pump.__init__

    def making(pump: Pump, *arguments: Any, **options: Any) -> None:
        made(pump, *arguments, **options)
        measurement.watch(pump)

    Pump.__init__ = making  # type: ignore[method-assign,assignment]
    import django
    from django.core.management import call_command

    django.setup()
    call_command("run_market_feed")


if __name__ == "__main__":
    main()
