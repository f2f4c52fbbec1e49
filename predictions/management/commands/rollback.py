"""`manage.py rollback`: let what served before serve again."""

from django.core.management.base import BaseCommand, CommandParser

from inference.artefacts.versions import parse_slot
from predictions.promotion.by_hand import add_slot, add_who_and_why, as_command
from predictions.promotion.standing import roll_back


class Command(BaseCommand):
    help = (
        "Let what served a slot before serve it again; what serves now is rejected. A second call "
        "goes one further back, never to what was rolled back."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_slot(parser)
        add_who_and_why(parser)

    def handle(self, *, slot: str, by: str, why: str, **_: object) -> None:
        with as_command():
            done = roll_back(parse_slot(slot), by=by, why=why)
        self.stdout.write(f"{slot}: {done.version} serves again; {done.before} is rejected")
