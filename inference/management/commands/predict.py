"""Predict now: LONG, SHORT or NO_TRADE with levels, from the stored candles."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.config import ConfigError
from inference.signals.listing import as_json, as_table
from inference.signals.moment import UnreadableClockError
from inference.signals.service import default_service, served_symbols
from inference.signals.signal import Signal
from market.candles.timeframes import SIGNAL_TIMEFRAMES, parse_timeframe


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        allowed = ", ".join((*SIGNAL_TIMEFRAMES, "all"))
        parser.add_argument("symbols", nargs="+", metavar="SYMBOL", help="as BTCUSDT, btc-usdt")
        parser.add_argument("--timeframe", default="15m", metavar="TF", help=allowed)
        parser.add_argument(
            "--as-of", metavar="TIME", help="market time in ISO 8601, UTC unless it says otherwise"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(
        self,
        *,
        symbols: list[str],
        timeframe: str,
        as_of: str | None,
        json: bool,
        **options: object,
    ) -> None:
        try:
            frames = SIGNAL_TIMEFRAMES if timeframe == "all" else (parse_timeframe(timeframe),)
            names = served_symbols(symbols, settings.SIGNAL_SYMBOLS)
            service = default_service()
            moment = service.now()
            if as_of is not None:
                moment = moment.at(as_of)
            answers = service.predict_all(names, frames, moment=moment)
        except (ConfigError, UnreadableClockError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write((as_json if json else as_table)(answers, moment))
        if not any(isinstance(answer, Signal) for answer in answers):
            raise CommandError("there is no signal for any of these coins")
