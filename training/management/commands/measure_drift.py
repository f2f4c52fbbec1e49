"""`manage.py measure_drift`: how far inputs and outcomes have moved from what models learned."""

from argparse import ArgumentParser
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from inference.artefacts.versions import SLOTS, UnknownSlotError, parse_slot
from market.redis_cluster import AWAY, connect
from training.packages import training_packages

SOCKET_SECONDS = 5.0


class Command(BaseCommand):
    requires_system_checks = ()  # it runs hourly, and needs no pages
    help = "Measure how far the running market has moved from what the serving models learned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = ", ".join(map(str, SLOTS))
        parser.add_argument("--slot", action="append", metavar="SLOT", help=f"of {names}; all")
        parser.add_argument("--json", action="store_true", help="print what Redis is told")

    def handle(self, *args: Any, **options: Any) -> None:
        with training_packages():
            from training.drift.measuring import measure
            from training.drift.printed import printed
        try:
            slots = [parse_slot(each) for each in options["slot"] or ()] or SLOTS
            cluster = settings.INFERENCE.redis.cluster_mode
            client: Any = connect(
                settings.REDIS_URL, cluster=cluster, socket_timeout=SOCKET_SECONDS
            )
            told = measure(client, slots)
        except UnknownSlotError as error:
            raise CommandError(str(error)) from error
        except (*AWAY, OSError) as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from error
        if options["json"]:
            self.stdout.write(msgspec.json.encode(told).decode())
        else:
            self.stdout.write(printed(told))
