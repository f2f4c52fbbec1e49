"""`manage.py run_recorder`: store and grade what the forecast loop hands over."""

import argparse
import signal
import socket
import threading
from types import FrameType

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from predictions.recording_loop import RecordingLoop, build_recorder, connect


class Command(BaseCommand):
    help = "Store the forecasts of the log in the database and grade them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when the log is empty")
        parser.add_argument("--max-entries", type=_positive, help="stop after so many ticks")
        parser.add_argument(
            "--consumer",
            default=f"recorder-{socket.gethostname()}",
            help="this recorder's name in the group; one of its own where several share a host",
        )

    def handle(self, *, once: bool, max_entries: int | None, consumer: str, **_: object) -> None:
        client = connect(settings.REDIS_URL)
        loop = RecordingLoop(build_recorder(client, consumer), client)
        _stop_on_signals(loop.stop)
        try:
            loop.run(once=once, max_entries=max_entries)
        finally:
            loop.recorder.broadcast.close()
            client.close()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _stop_on_signals(stop: threading.Event) -> None:
    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
