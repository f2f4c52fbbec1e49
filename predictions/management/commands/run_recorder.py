"""`manage.py run_recorder`: store what both loops hand over, and grade it."""

import argparse
import socket

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.redis_policy import EvictionPolicyError
from market.stopping import StopFlag
from predictions.recording.chores import ChoreRota
from predictions.recording.loop import (
    AWAY,
    RecordingLoop,
    build_chores,
    build_recorders,
    connect,
)
from predictions.recording.tuning import settle_for_recording


class Command(BaseCommand):
    help = "Store the forecasts and signals of the logs in the database; grade them."
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when the logs are empty")
        parser.add_argument("--max-entries", type=_positive, help="stop after so many log entries")
        parser.add_argument(
            "--consumer",
            default=f"recorder-{socket.gethostname()}",
            help="this recorder's name in the group; one of its own where several share a host",
        )

    def handle(self, *, once: bool, max_entries: int | None, consumer: str, **_: object) -> None:
        try:
            client = connect(settings.REDIS_URL)
        except AWAY as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        settle_for_recording()
        forecasts, signals = build_recorders(client, consumer)
        rota = ChoreRota(build_chores(client, forecasts.broadcast))
        loop = RecordingLoop((forecasts, signals), client, StopFlag().install(), rota)
        try:
            loop.run(once=once, max_entries=max_entries)
        except EvictionPolicyError as error:
            raise CommandError(str(error), returncode=78) from error
        except AWAY as error:
            raise CommandError(f"Redis or the database does not answer: {error}") from error
        finally:
            forecasts.broadcast.close()
            client.close()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
