"""`manage.py build_dataset`: what models learn from, in one file with its digest."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.vocabulary import ENGINES, FORECASTS, SIGNALS
from market.candles.timeframes import SIGNAL_TIMEFRAMES, parse_timeframe
from market.feeds import FeedError
from market.symbols import UnknownSymbolError, parse_symbol
from training.packages import training_packages
from training.pipeline.modes import MixedOptionsError, refuse_of_others


class Command(BaseCommand):
    requires_system_checks = ()  # needs no pages, no database
    help = "Build what models are trained and judged on: from candles, or from recordings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--for", dest="engine", choices=ENGINES, default=SIGNALS)
        parser.add_argument("--output", type=Path, metavar="DIR", help="default: VAR_DIR/datasets")
        parser.add_argument("--symbols", metavar="A,B", help="default: all that are there")
        signals = parser.add_argument_group("signals")
        signals.add_argument("--timeframe", choices=[*map(str, SIGNAL_TIMEFRAMES)])
        signals.add_argument(
            "--candles",
            type=Path,
            metavar="DIR",
            help="folders of feather files (DIR/1h/BTC_USDT-1h.feather); default: the candle store",
        )
        signals.add_argument(
            "--daily",
            type=Path,
            metavar="ZIP",
            help="1d only: further daily candles of BTC, a zip of one CSV",
        )
        forecasts = parser.add_argument_group("forecasts")
        forecasts.add_argument(
            "--recordings",
            nargs="+",
            type=Path,
            metavar="PATH",
            help="a venue's or a symbol's folder of VAR_DIR/recordings, or recorded frames;"
            " default: the running venue's recordings, else the newest",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["output"] or settings.VAR_DIR / "datasets"
        with training_packages():
            from training.recordings import TrainingDataError
        refused = (MixedOptionsError, TrainingDataError, FeedError, UnknownSymbolError, OSError)
        try:
            refuse_of_others(options, options["engine"], f"--for {options['engine']}")
            symbols = tuple(
                parse_symbol(one) for one in (options["symbols"] or "").split(",") if one
            )
            if options["engine"] == FORECASTS:
                told = _forecasts(folder, options, symbols)
            else:
                told = _signals(folder, options, symbols)
        except refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(told)


def _signals(folder: Path, options: dict[str, Any], symbols: tuple[str, ...]) -> str:
    if options["timeframe"] is None:
        raise CommandError("signals need --timeframe: " + ", ".join(SIGNAL_TIMEFRAMES))
    from training.signals.building import dataset_path, ordered_dataset
    from training.signals.datasets import save

    timeframe = parse_timeframe(options["timeframe"])
    path = dataset_path(timeframe, folder)
    dataset = ordered_dataset(timeframe, options["candles"], options["daily"], symbols or None)
    save(dataset, path)
    return (
        f"{path}: {len(dataset):,} decisions of {len(set(dataset.symbol.tolist()))} coins,"
        f" digest {dataset.digest[:12]}"
    )


def _forecasts(folder: Path, options: dict[str, Any], symbols: tuple[str, ...]) -> str:
    from training.forecast_datasets import build, dataset_path, save
    from training.pipeline.sources import recordings_to_learn_from

    dataset = build(recordings_to_learn_from(options["recordings"]), symbols)
    path = dataset_path(folder)
    save(dataset, path)
    first, last = dataset.span_utc
    return (
        f"{path}: {len(dataset):,} decisions of {', '.join(dataset.symbols)},"
        f" venue {dataset.venue or 'unknown'}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        f" UTC, digest {dataset.digest[:12]}"
    )
