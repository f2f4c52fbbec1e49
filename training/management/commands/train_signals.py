"""`manage.py train_signals`: train the signal networks, judge them, ship what serves best."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.timeframes import SIGNAL_TIMEFRAMES, UnknownTimeframeError
from market.symbols import UnknownSymbolError
from training.options import DEVICES
from training.packages import training_packages


class Command(BaseCommand):
    requires_system_checks = ()  # needs no pages, no database
    help = "Train the networks of candle signals, judge them against the baselines, ship the best."

    def add_arguments(self, parser: ArgumentParser) -> None:
        data, times = parser.add_argument_group("data"), ", ".join(SIGNAL_TIMEFRAMES)
        data.add_argument("--timeframe", action="append", metavar="TF", help=f"of {times}; all")
        data.add_argument("--symbols", metavar="A,B", help="default: SIGNAL_SYMBOLS")
        data.add_argument("--candles", type=Path, help="feather folders; default: candle store")
        data.add_argument("--daily", type=Path, help="1d: further daily candles of BTC, a zip")
        fit = parser.add_argument_group("fit")
        fit.add_argument("--epochs", type=int, help="greatest number of passes a network makes")
        fit.add_argument("--seed", type=int, default=1)
        fit.add_argument("--device", default="cpu", help=" or ".join(DEVICES))
        place = parser.add_argument_group("where")
        either = place.add_mutually_exclusive_group()
        either.add_argument("--jobs", type=int, help="processes; default: one a core")
        either.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler")
        place.add_argument("--no-resume", dest="resume", action="store_false", help="begin anew")
        place.add_argument("--resume", action="store_true", default=True, help="go on (default)")
        place.add_argument("--output", type=Path, default=settings.BASE_DIR / "models")

    def handle(self, *args: Any, **options: Any) -> None:
        with training_packages():
            from training.devices import DeviceError
            from training.export import ExportMismatchError
            from training.recordings import TrainingDataError
            from training.signals.orders import OrderError, TrainingOrder, train_and_ship
            from training.workplace import WorkplaceError
        try:
            order = TrainingOrder.of(options, settings.SIGNAL_SYMBOLS, settings.VAR_DIR)
            train_and_ship(order, self.stdout.write)
        except (
            OrderError,
            DeviceError,
            UnknownTimeframeError,
            UnknownSymbolError,
            TrainingDataError,
            WorkplaceError,
            ExportMismatchError,
        ) as error:
            raise CommandError(str(error)) from error
