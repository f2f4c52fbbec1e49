"""`manage.py models`: which version serves what, which are on trial, and how they compare."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from predictions.accuracy.questions import TooMuchAskedError
from predictions.cards.listing import listed_slots, printed_slots


class Command(BaseCommand):
    help = (
        "List the versions of every slot: what serves, what served before, what is on trial; and"
        " rank those that have graded predictions in the current market."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, *, json: bool, **_: object) -> None:
        try:
            slots = listed_slots()
        except TooMuchAskedError as error:
            raise CommandError(f"there is too much to rank: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from error
        if json:
            self.stdout.write(_encoded(slots))
            return
        for line in printed_slots(slots):
            self.stdout.write(line)


def _encoded(slots: object) -> str:
    return json.dumps(slots, allow_nan=False)
