"""`manage.py retrain`: better models or none. From data to a challenger, by way of two gates."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from market.candles.timeframes import SIGNAL_TIMEFRAMES, UnknownTimeframeError
from market.feeds import FeedError
from market.symbols import UnknownSymbolError
from predictions.models.retraining import Trigger
from predictions.promotion.by_hand import add_who_and_why, as_command, this_user
from training.packages import training_packages
from training.pipeline.dropping import NotDroppedError, drop
from training.pipeline.locking import RetrainingBusyError
from training.pipeline.modes import MixedOptionsError, refuse_mixed
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

    def add_arguments(self, parser: CommandParser) -> None:
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
        parser.add_argument("--drop", type=int, metavar="RUN", help="end a run and its trial")
        add_who_and_why(parser, of="--drop")
        _add_data(parser)
        fit = parser.add_argument_group("fit")
        fit.add_argument("--trials", type=int, help="variants of the network to try; default: 1")
        epochs = ("--epochs", "--max-epochs")
        fit.add_argument(*epochs, dest="epochs", type=int, help="greatest number of passes")
        fit.add_argument("--seed", type=int, help="default: 1")
        fit.add_argument("--device", help="cpu or cuda; default: cpu")
        place = parser.add_argument_group("where")
        place.add_argument("--jobs", type=int, help="processes; default: one a core")
        place.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler")
        begun = parser.add_argument_group("why")
        begun.add_argument("--trigger", choices=Trigger.values, help="default: hand")
        begun.add_argument(
            "--since", help="leave out what such a run was begun for since then, UTC"
        )
        begun.add_argument("--cause", help="kept with the run")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_mixed(options)
            if options["schedule"] is not None:
                from training.pipeline.scheduler import run_schedule

                run_schedule(options["schedule"], self.stdout.write)
            elif options["drop"] is not None:
                self._drop(options["drop"], options["by"] or this_user(), options["why"])
            else:
                self._retrain(options)
        except (MixedOptionsError, NotDroppedError) as error:
            raise CommandError(str(error)) from error
        except RetrainingBusyError as error:
            raise CommandError(str(error), returncode=BUSY) from error

    def _drop(self, number: int, by: str, why: str) -> None:
        with as_command():
            row = drop(number, by=by, why=why)
        challenger = f"; {row.version.version} is not on trial" if row.version is not None else ""
        self.stdout.write(f"run {number} of {row.slot} is dropped{challenger}")

    def _retrain(self, options: dict[str, Any]) -> None:
        with training_packages():
            from training.devices import DeviceError
            from training.export import ExportMismatchError
            from training.pipeline.asked import carry_out
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
        except OSError as error:
            raise CommandError(f"what is trained cannot be kept: {error}") from error
        except KeyboardInterrupt:
            raise CommandError(
                "stopped; retrain --resume goes on with it, as the process retrain does by itself;"
                " retrain --drop RUN ends it",
                returncode=INTERRUPTED,
            ) from None
        if troubles:
            raise CommandError("; ".join(troubles))


def _add_data(parser: ArgumentParser) -> None:
    data, times = parser.add_argument_group("data"), ", ".join(SIGNAL_TIMEFRAMES)
    data.add_argument("--symbols", metavar="A,B", help="default: all recorded; SIGNAL_SYMBOLS")
    data.add_argument(
        "--recordings", nargs="+", type=Path, metavar="PATH",
        help="forecaster: this server's, or frames; default: the running venue's",
    )  # fmt: skip
    data.add_argument(
        "--timeframe", action="append", metavar="TF", help=f"signals: of {times}; all"
    )
    data.add_argument("--candles", type=Path, help="signals: feather folders; default: the store")
    data.add_argument("--daily", type=Path, help="signals/1d: further daily candles of BTC, a zip")
