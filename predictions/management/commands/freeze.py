"""`manage.py freeze`: let nothing automatic change what serves a slot."""

from django.core.management.base import BaseCommand, CommandParser

from inference.artefacts.versions import parse_slot
from predictions.promotion.by_hand import add_slot, add_who_and_why, as_command
from predictions.promotion.standing import freeze


class Command(BaseCommand):
    help = (
        "Let neither retraining nor the rollback watch change what serves a slot; versions are "
        "trained and judged as before. `manage.py unfreeze` ends it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_slot(parser)
        add_who_and_why(parser)

    def handle(self, *, slot: str, by: str, why: str, **_: object) -> None:
        with as_command():
            freeze(parse_slot(slot), by=by, why=why)
        self.stdout.write(f"{slot} is frozen: only a person changes what serves it")
