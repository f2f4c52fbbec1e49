"""`manage.py unfreeze`: let retraining and the rollback watch decide again."""

from django.core.management.base import BaseCommand, CommandParser

from inference.artefacts.versions import parse_slot
from predictions.promotion.by_hand import add_slot, add_who_and_why, as_command
from predictions.promotion.standing import unfreeze


class Command(BaseCommand):
    help = "End what `manage.py freeze` began."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_slot(parser)
        add_who_and_why(parser)

    def handle(self, *, slot: str, by: str, why: str, **_: object) -> None:
        with as_command():
            unfreeze(parse_slot(slot), by=by, why=why)
        self.stdout.write(f"{slot}: retraining and the rollback watch decide again")
