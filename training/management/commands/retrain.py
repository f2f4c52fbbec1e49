"""`manage.py retrain`: better models or none. From data to a challenger, by way of two gates."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from market.candles.timeframes import SIGNAL_TIMEFRAMES, UnknownTimeframeError
from market.feeds import FeedError
from market.symbols import UnknownSymbolError
from predictions.models.retraining import Trigger
from training.packages import training_packages
from training.pipeline.schedule import SCHEDULES

BUSY = 75
"""Exit status where another process retrains: try again later."""
INTERRUPTED = 130
"""Exit status of what Ctrl-C ended, as shells tell it."""


class Command(BaseCommand):
    help = (
        "Train challengers, judge them against what serves, put those that pass on trial beside it,"
        " and promote them once they have proved better there, too."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=("forecaster", "signals"), help="default: both")
        parser.add_argument("--resume", action="store_true", help="go on with runs; begin none")
        parser.add_argument(
            "--schedule",
            nargs="?",
            choices=SCHEDULES,
            const=settings.RETRAIN_SCHEDULE,
            help="stay, and retrain when due; default: RETRAIN_SCHEDULE",
        )
        parser.add_argument("--ship", type=Path, metavar="DIR", help="write what serves best there")
        data, times = parser.add_argument_group("data"), ", ".join(SIGNAL_TIMEFRAMES)
        data.add_argument("--timeframe", action="append", metavar="TF", help=f"of {times}; all")
        data.add_argument("--symbols", metavar="A,B", help="default: all recorded; SIGNAL_SYMBOLS")
        data.add_argument("--recordings", nargs="+", type=Path, metavar="PATH")
        data.add_argument("--candles", type=Path, help="feather folders; default: candle store")
        data.add_argument("--daily", type=Path, help="1d: further daily candles of BTC, a zip")
        fit = parser.add_argument_group("fit")
        fit.add_argument("--trials", type=int, default=1, help="variants of the network to try")
        epochs = ("--epochs", "--max-epochs")
        fit.add_argument(*epochs, dest="epochs", type=int, help="greatest number of passes")
        fit.add_argument("--seed", type=int, default=1)
        fit.add_argument("--device", default="cpu", help="cpu or cuda")
        place = parser.add_argument_group("where")
        place.add_argument("--jobs", type=int, help="processes; default: one a core")
        place.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler")
        why = parser.add_argument_group("why")
        why.add_argument("--trigger", choices=Trigger.values, default=Trigger.HAND.value)
        why.add_argument("--since", help="leave out what such a run was begun for since then, UTC")
        why.add_argument("--cause", default="", help="kept with the run")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schedule"] is not None:
            from training.pipeline.scheduler import run_schedule

            run_schedule(options["schedule"], self.stdout.write)
            return
        with training_packages():
            from training.devices import DeviceError
            from training.export import ExportMismatchError
            from training.pipeline.asked import carry_out
            from training.pipeline.locking import RetrainingBusyError
            from training.recordings import TrainingDataError
            from training.signals.orders import OrderError
            from training.workplace import WorkplaceError
        refused = (OrderError, DeviceError, UnknownTimeframeError, UnknownSymbolError)
        # Of --ship alone: a run keeps what went wrong in its row.
        not_shipped = (TrainingDataError, FeedError, WorkplaceError, ExportMismatchError)
        try:
            troubles = carry_out(options, self.stdout.write)
        except (*refused, *not_shipped) as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(
                f"the database does not answer: {error}; once it does, retrain --resume goes on"
            ) from error
        except KeyboardInterrupt:
            raise CommandError(
                "stopped; retrain --resume goes on with it, as the process retrain does by itself",
                returncode=INTERRUPTED,
            ) from None
        except RetrainingBusyError as error:
            raise CommandError(str(error), returncode=BUSY) from error
        if troubles:
            raise CommandError("; ".join(troubles))
