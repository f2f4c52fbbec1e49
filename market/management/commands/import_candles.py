"""Import candle files (feather, CSV, Parquet, zipped CSV) into the candle store."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.importing.announcement import announce_newest
from market.candles.importing.importer import Importer
from market.candles.importing.report import as_lines, as_object
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe, parse_timeframe
from market.symbols import parse_symbol


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument("--symbol", help="default: what the file's name says")
        parser.add_argument("--timeframe", help="default: what the file's name says")
        parser.add_argument("--venue", default=settings.CANDLE_EXCHANGE, help="whose candles")
        parser.add_argument("--timezone", default="UTC", help="of times that name none")
        parser.add_argument(
            "--keep-last", action="store_true", help="take each dataset's newest row too"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *, paths: list[Path], **options: str) -> None:
        try:
            symbol = options["symbol"] and parse_symbol(options["symbol"])
            timeframe = options["timeframe"] and parse_timeframe(
                options["timeframe"], tuple(Timeframe)
            )
            importer = Importer(
                CandleStore(settings.CANDLES_DIR),
                options["venue"],
                ZoneInfo(options["timezone"]),
                bool(options["keep_last"]),
            )
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise CommandError(str(error)) from error
        datasets, errors = importer.run(paths, symbol or None, timeframe or None, time.time() * 1e3)
        cluster = settings.INFERENCE.redis.cluster_mode
        announced = announce_newest(settings.REDIS_URL, datasets, cluster=cluster)
        if options["json"]:
            self.stdout.write(json.dumps(as_object(datasets, errors, announced)))
        else:
            self.stdout.writelines(f"{line}\n" for line in as_lines(datasets))
        for problem in errors:
            self.stderr.write(problem)
        if not any(each.good for each in datasets):
            raise CommandError("no candle could be imported")
        if errors:
            raise CommandError(f"not all could be imported: {len(errors)} failed, named above")
