"""`manage.py accuracy_report`: what the predictions of one venue were worth."""

import json
from urllib.parse import urlencode

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.http import QueryDict
from rest_framework.exceptions import APIException

from inference.signals.signal import iso
from predictions.accuracy.printed import printed
from predictions.accuracy.questions import TooMuchAskedError
from predictions.accuracy.report import report, said_live
from predictions.accuracy.rollups import rebuild
from predictions.accuracy.venues import UnknownVenueError, default_venue
from predictions.api.accuracy_queries import AccuracyForm, question, read_query


class Command(BaseCommand):
    help = "Tell what forecasts or signals were worth: hit rate, errors, calibration, intervals."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in AccuracyForm.base_fields:
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name)
        parser.add_argument("--json", action="store_true", help="print JSON, as /api/accuracy does")
        parser.add_argument(
            "--rebuild", action="store_true", help="first write all roll-ups anew from the rows"
        )

    def handle(self, **options: object) -> None:
        given = {
            name: str(options[name])
            for name in AccuracyForm.base_fields
            if options[name] is not None
        }
        try:
            values = read_query(QueryDict(urlencode(given)))
            if options["rebuild"]:
                rebuilt = rebuild()
                self.stderr.write(f"{rebuilt.written} hours added up anew")
                for kept in rebuilt.kept:
                    self.stderr.write(
                        f"kept {iso(kept.hour_ts)} of {kept.venue}: {kept.rows} of its "
                        f"{kept.said} forecasts are left, the others were pruned"
                    )
            venue = values["venue"] or default_venue(values["engine"])
            told = report(question(values, venue))
        except (APIException, TooMuchAskedError, UnknownVenueError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from error
        told = {"engine": values["engine"], "live": said_live(values["engine"], venue)} | told
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else printed(told))
