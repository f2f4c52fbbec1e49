"""Check the ledger: name every row that was altered, removed or inserted."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.store import CandleStore
from predictions.transparency.checkpoints import TreeHead, open_checkpoint
from predictions.transparency.notes import NoteError, Verifier
from predictions.transparency.signing import known_verifiers, own_verifier
from predictions.transparency.verifying.telling import as_json, as_text, summary_json, summary_text
from predictions.transparency.verifying.verification import Candles, Verification


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--against", action="append", default=[], metavar="FILE",
            help="an earlier checkpoint that was kept elsewhere; - reads it from stdin",
        )  # fmt: skip
        parser.add_argument(
            "--vkey", action="append", default=[], metavar="KEY",
            help="a key that must have signed the checkpoints; default: this instance's",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="a JSON object a line")

    def handle(self, *, against: list[str], vkey: list[str], json: bool, **_: object) -> None:
        try:
            trusted = [Verifier.from_vkey(each) for each in vkey]
            held = [_opened(each, trusted or known_verifiers()) for each in against]
        except (NoteError, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        tell = as_json if json else as_text
        verification = Verification(
            Candles(CandleStore(settings.CANDLES_DIR), settings.CANDLE_EXCHANGE),
            lambda finding: self.stdout.write(tell(finding)),
            trusted,
            own_verifier(settings.LEDGER_KEY_FILE),
            held,
        )
        verification.run()
        self.stdout.write((summary_json if json else summary_text)(verification))
        if verification.findings.faults:
            raise CommandError(f"the ledger differs in {verification.findings.faults} places")


def _opened(name: str, trusted: Sequence[Verifier]) -> TreeHead:
    text = sys.stdin.read() if name == "-" else Path(name).read_text()
    try:
        return open_checkpoint(text, trusted)
    except NoteError as error:
        raise NoteError(f"the checkpoint {name} is not accepted: {error}") from error
