"""`manage.py train_forecaster`: train the hot forecaster on recordings and write its files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.feeds import FeedError
from training.options import DEVICES
from training.packages import training_packages

RECORDINGS = ("binance-spot-btcusdt", "binance-usdm-btcusdt")


class Command(BaseCommand):
    requires_system_checks = ()  # needs no pages, no database
    help = "Train the 10-second forecaster on recordings; write network, manifest and card."

    def add_arguments(self, parser: ArgumentParser) -> None:
        recorded = settings.SHARED_DATA / "data" / "frames"
        parser.add_argument(
            "--recordings",
            nargs="+",
            type=Path,
            metavar="PATH",
            default=[recorded / name for name in RECORDINGS],
            help="recorded frames, or folders of VAR_DIR/recordings (default: both of BTCUSDT)",
        )
        parser.add_argument("--output", type=Path, default=settings.BASE_DIR / "models")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--device", choices=DEVICES, default="cpu")
        parser.add_argument("--max-epochs", type=int, default=200)

    def handle(self, *args: Any, **options: Any) -> None:
        with training_packages():
            from training.devices import DeviceError
            from training.export import ExportMismatchError
            from training.recordings import TrainingDataError
            from training.shipping import NETWORK_FILE, Order, train_forecaster
            from training.signals.orders import OrderError, at_least, output_folder
        refused = (OrderError, TrainingDataError, FeedError, DeviceError, ExportMismatchError)
        try:
            order = Order(
                recordings=tuple(options["recordings"]),
                output=output_folder("--output", options["output"]),
                seed=at_least(0, "--seed", options["seed"]),
                device=options["device"],
                max_epochs=at_least(1, "--max-epochs", options["max_epochs"]),
            )
            report = train_forecaster(order)
        except refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(report)
        self.stdout.write(f"Written: {order.output / NETWORK_FILE}, its manifest and its card.")
