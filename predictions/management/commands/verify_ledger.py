"""Check the ledger: name every row that was altered, removed or inserted."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.store import CandleStore
from predictions.transparency.kept_checkpoints import open_kept
from predictions.transparency.notes import NoteError, Verifier
from predictions.transparency.signing import known_verifiers, own_verifier
from predictions.transparency.verified import remember_verified
from predictions.verifying.telling import as_json, as_text, summary_json, summary_text
from predictions.verifying.verification import Candles, Verification


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--against", action="append", default=[], metavar="FILE",
            help="earlier checkpoints that were kept elsewhere; - reads from stdin",
        )  # fmt: skip
        parser.add_argument(
            "--vkey", action="append", default=[], metavar="KEY",
            help="a key that must have signed the checkpoints; default: this instance's",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="a JSON object a line")

    def handle(self, *, against: list[str], vkey: list[str], json: bool, **_: object) -> None:
        try:
            trusted = [Verifier.from_vkey(each) for each in vkey]
            keys = trusted or known_verifiers()
            held = [head for each in against for head in open_kept(each, keys)]
        except NoteError as error:
            raise CommandError(str(error)) from error
        tell = as_json if json else as_text
        verification = Verification(
            Candles(CandleStore(settings.CANDLES_DIR), settings.CANDLE_EXCHANGE),
            lambda finding: self.stdout.write(tell(finding)),
            trusted,
            own_verifier(settings.LEDGER_KEY_FILE),
            held,
            settings.FORECAST_RETENTION_DAYS,
        )
        verification.run()
        faults = verification.findings.faults
        self.stdout.write((summary_json if json else summary_text)(verification))
        try:
            remember_verified(settings.VAR_DIR, faults, against=bool(held or trusted))
        except OSError as error:
            self.stderr.write(f"that it was checked cannot be remembered: {error}")
        if faults:
            raise CommandError(f"the ledger differs in {faults} places")
