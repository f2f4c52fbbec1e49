"""`manage.py trial`: let a version speak beside the champion, or end that."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from predictions.promotion.by_hand import add_who_and_why, as_command, version_meant
from predictions.promotion.standing import end_trial, put_on_trial


class Command(BaseCommand):
    help = (
        "Let a version predict beside the champion, unpublished, recorded and graded; with --end "
        "take it off its trial without a verdict. Its files stay: it may come back."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.usage = "%(prog)s [SLOT] VERSION --why WHY [--end] [--by WHO]"
        parser.add_argument("version", nargs="+", metavar="[SLOT] VERSION")
        parser.add_argument("--end", action="store_true", help="take it off its trial")
        add_who_and_why(parser)

    def handle(self, *, end: bool, by: str, why: str, **options: Any) -> None:
        with as_command():
            slot, version = version_meant(options["version"])
            done = (end_trial if end else put_on_trial)(slot, version, by=by, why=why)
        told = "is not on trial any more" if end else "is on trial"
        self.stdout.write(f"{slot}: {version} {told}; {done.before or 'nothing'} serves")
