"""`manage.py evaluate_signals`: judge the signal models again and write a report."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.timeframes import SIGNAL_TIMEFRAMES, parse_timeframe
from training.packages import training_packages


class Command(BaseCommand):
    requires_system_checks = ()  # needs no pages, no database
    help = "Judge the shipped signal models of a timeframe and their baselines; write a report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--timeframe", required=True, choices=[*map(str, SIGNAL_TIMEFRAMES)])
        parser.add_argument("--json", action="store_true", help="print one line of JSON alone")
        parser.add_argument("--report", type=Path, metavar="DIR", help="default: VAR_DIR/reports")
        parser.add_argument("--candles", type=Path, metavar="DIR", help="folders of feather files")
        parser.add_argument("--models", type=Path, default=settings.BASE_DIR / "models")
        trained = settings.VAR_DIR / "training" / "signals"
        parser.add_argument("--networks", type=Path, default=trained)

    def handle(self, *args: Any, **options: Any) -> None:
        with training_packages():
            from training.export import ExportMismatchError
            from training.recordings import TrainingDataError
            from training.signals.building import dataset_of
            from training.signals.evaluating import evaluate, shipped_manifest
            from training.signals.reporting import summary, write_report
        timeframe = parse_timeframe(options["timeframe"])
        folder = options["report"] or settings.VAR_DIR / "reports" / "signals" / timeframe
        models = options["models"]
        try:
            manifest = shipped_manifest(models / "pooled" / timeframe)
            dataset = dataset_of(timeframe, manifest.training.data_digest, options["candles"])
            evaluation = evaluate(
                dataset,
                options["networks"],
                models,
                lambda split: self.stderr.write(f"{timeframe}: {split}"),
            )
            report = write_report(evaluation, folder)
        except (TrainingDataError, ExportMismatchError, OSError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(summary(evaluation)))
        else:
            self.stdout.write(f"{report.read_text()}\nWritten: {report}")
