"""`manage.py prune_ledger`: take forecasts away that are older than the retention."""

from datetime import UTC, datetime

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from predictions.retention.pruning import Hour, Pruner, venues


class Command(BaseCommand):
    help = (
        "Remove forecasts older than FORECAST_RETENTION_DAYS whose hours are added up and graded. "
        "The recorder does the same by itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would go")

    def handle(self, *, dry_run: bool, **_: object) -> None:
        pruner = Pruner(settings.FORECAST_RETENTION_DAYS)
        if not pruner.days:
            self.stdout.write("FORECAST_RETENTION_DAYS is 0: everything is kept")
            return
        gone = kept = 0
        try:
            for venue in list(venues()):
                for hour in pruner.hours(venue):
                    if hour.kept_because:
                        kept += 1
                        self.stderr.write(f"{_named(hour)} stays: {hour.kept_because}")
                        continue
                    gone += hour.rows
                    self.stdout.write(f"{_named(hour)}: {hour.rows} forecasts")
                    if not dry_run:
                        self._prune(pruner, hour)
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from error
        verb = "would go" if dry_run else "went"
        self.stdout.write(f"{gone} forecasts {verb}; {kept} hours stay")

    def _prune(self, pruner: Pruner, hour: Hour) -> None:
        left = hour.rows
        while left > 0 and (gone := pruner.prune(hour)):
            left -= gone


def _named(hour: Hour) -> str:
    begins = datetime.fromtimestamp(hour.start_ms / 1000, UTC)
    return f"{hour.venue} {begins:%Y-%m-%dT%H:%MZ}"
