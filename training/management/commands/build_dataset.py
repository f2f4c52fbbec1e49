"""`manage.py build_dataset`: indicators and labels of every coin, in one file to train on."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.timeframes import SIGNAL_TIMEFRAMES, parse_timeframe
from training.packages import training_packages


class Command(BaseCommand):
    requires_system_checks = ()  # needs no pages, no database
    help = "Build the dataset that signal models of a timeframe are trained and judged on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--timeframe", required=True, choices=[*map(str, SIGNAL_TIMEFRAMES)])
        parser.add_argument(
            "--candles",
            type=Path,
            metavar="DIR",
            help="folders of feather files (DIR/1h/BTC_USDT-1h.feather); default: the candle store",
        )
        parser.add_argument(
            "--daily",
            type=Path,
            metavar="ZIP",
            help="1d only: further daily candles of BTC, a zip of one CSV",
        )
        parser.add_argument("--output", type=Path, metavar="DIR", help="default: VAR_DIR/datasets")

    def handle(self, *args: Any, **options: Any) -> None:
        with training_packages():
            from training.recordings import TrainingDataError
            from training.signals.building import dataset_path, ordered_dataset
            from training.signals.datasets import save
        timeframe = parse_timeframe(options["timeframe"])
        path = dataset_path(timeframe, options["output"] or settings.VAR_DIR / "datasets")
        try:
            dataset = ordered_dataset(timeframe, options["candles"], options["daily"])
            save(dataset, path)
        except (TrainingDataError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{path}: {len(dataset):,} decisions of {len(set(dataset.symbol.tolist()))} coins,"
            f" digest {dataset.digest[:12]}"
        )
