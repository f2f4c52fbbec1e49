"""`manage.py promote`: let a version serve, by a person's decision."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from predictions.models import ModelVersion
from predictions.models.retraining import VersionState
from predictions.promotion.by_hand import add_who_and_why, as_command, version_meant
from predictions.promotion.standing import promote

ENDED = (VersionState.REJECTED, VersionState.RETIRED)


class Command(BaseCommand):
    help = (
        "Let a version serve from now on, whatever the gates said of it. What served before stays "
        "on trial beside it: `manage.py rollback` goes back to it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.usage = "%(prog)s [SLOT] VERSION --why WHY [--by WHO]"
        parser.add_argument("version", nargs="+", metavar="[SLOT] VERSION")
        add_who_and_why(parser)

    def handle(self, **options: Any) -> None:
        with as_command():
            slot, version = version_meant(options["version"])
            rows = ModelVersion.objects.filter(slot=str(slot), version=version, state__in=ENDED)
            ended = rows.first()
            done = promote(slot, version, by=options["by"], why=options["why"])
        if ended is not None:
            self.stdout.write(f"{version} was {ended.state} on {ended.since:%Y-%m-%d %H:%M} UTC")
        self.stdout.write(f"{slot}: {version} serves; before it: {done.before or 'nothing'}")
