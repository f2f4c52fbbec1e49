"""`manage.py import_model`: check a user's ONNX model, and put it on trial beside the champion."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.artefacts.versions import SLOTS
from predictions.promotion.by_hand import add_who_and_why, as_command


class Command(BaseCommand):
    help = (
        "Take in an ONNX model of your own: its contract is checked, and on recorded rows that no "
        "answer looks ahead. It then predicts on trial, and the ledger tells what it is worth."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="ONNX; scaler.pkl beside it where it needs one")
        parser.add_argument("--for", required=True, dest="slot", help=", ".join(map(str, SLOTS)))
        parser.add_argument("--name", type=_version, help="its version's; default: imported-DIGEST")
        parser.add_argument("--symbols", default="", help="coins it knows, in its input's order")
        parser.add_argument("--threshold", type=_share, help="of signals; default: as shipped")
        parser.add_argument("--manifest", type=Path, help="its own, whose claims are kept as such")
        parser.add_argument(
            "--recording", type=Path, action="append", default=[], metavar="PATH",
            help="to check a forecaster on; default: this server's, else SHARED_DATA's",
        )  # fmt: skip
        add_who_and_why(parser)

    def handle(self, **options: Any) -> None:
        from inference.artefacts.errors import printable
        from inference.artefacts.versions import parse_slot
        from market.feeds import FeedError
        from market.symbols import parse_symbol
        from predictions.importing.findings import ImportRefusedError
        from predictions.importing.taking_in import Offer, take_in

        try:
            symbols = tuple(map(parse_symbol, filter(None, options["symbols"].split(","))))
        except ValueError as error:
            raise CommandError(f"--symbols: {error}") from error
        with as_command():
            offer = Offer(
                file=options["file"],
                slot=parse_slot(options["slot"]),
                version=options["name"],
                symbols=symbols,
                threshold=options["threshold"],
                manifest=options["manifest"],
                recordings=options["recording"],
            )
            try:
                version, findings = take_in(offer, by=options["by"], why=options["why"])
            except (ImportRefusedError, FeedError) as error:
                raise CommandError(printable(str(error))) from error
            except KeyboardInterrupt as error:
                raise CommandError("broken off: nothing was taken in", returncode=130) from error
            except OSError as error:
                raise CommandError(printable(f"nothing was taken in: {error}")) from error
        for line in findings.lines():
            self.stdout.write(line)
        self.stdout.write(
            f"{offer.slot}: {version} is on trial. What it learned from cannot be checked: only "
            "its record in the ledger counts. run_shadow lets it speak; the Models page ranks it."
        )


def _version(text: str) -> str:
    import re

    from inference.artefacts.manifest import VERSION_PATTERN

    if not re.match(VERSION_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no version; {VERSION_PATTERN} is allowed")
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; 0 to 1 is allowed")
    return share
