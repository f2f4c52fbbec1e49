"""Fetch the history of candles from an exchange; what is stored is not asked for again."""

import asyncio
import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.backfilling.progress import Progress
from market.candles.backfilling.report import as_lines, as_object
from market.candles.backfilling.running import BackfillOrder, BackfillRun
from market.candles.importing.announcement import announce_newest
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe, parse_timeframe
from market.exchanges import SUPPORTED
from market.feeds.live.links import make_link
from market.symbols import parse_symbol

INTERRUPTED = 130


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exchange", choices=SUPPORTED, default=settings.EXCHANGE)
        parser.add_argument("--symbols", nargs="+", help="default: SIGNAL_SYMBOLS")
        parser.add_argument("--timeframes", nargs="+", default=SIGNAL_TIMEFRAMES)
        parser.add_argument("--since", help="date (UTC); default: as far as signals need")
        parser.add_argument("--until", help="date (UTC); default: now")
        parser.add_argument(
            "--again", action="store_true", help="ask again for what the exchange did not have"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            run = BackfillRun(_order(**options), Progress())
        except ValueError as error:
            raise CommandError(str(error)) from error
        interrupted = False
        try:
            asyncio.run(run.fetch(make_link))
        except KeyboardInterrupt:
            interrupted = True
        cluster = settings.INFERENCE.redis.cluster_mode
        announced = announce_newest(settings.REDIS_URL, run.datasets, cluster=cluster)
        if options["json"]:
            self.stdout.write(json.dumps(as_object(run.datasets, run.errors, announced)))
        else:
            self.stdout.writelines(f"{line}\n" for line in as_lines(run.datasets))
        for problem in run.errors:
            self.stderr.write(problem)
        if interrupted:
            raise CommandError(
                "interrupted; what came is stored, and another run goes on from there",
                returncode=INTERRUPTED,
            )
        if run.errors and not any(each.finished for each in run.datasets):
            raise CommandError("no candles could be fetched")
        if run.errors:
            raise CommandError(f"not all could be fetched: {len(run.errors)} failed, named above")


def _order(
    *,
    exchange: str,
    symbols: list[str] | None,
    timeframes: list[str],
    since: str | None,
    until: str | None,
    again: bool,
    **_: object,
) -> BackfillOrder:
    named = [each for text in symbols or () for each in text.split(",") if each]
    lengths = [each for text in timeframes for each in text.split(",") if each]
    return BackfillOrder(
        SUPPORTED[exchange],
        settings.EXCHANGE_URL,
        settings.CANDLES_DIR,
        tuple(dict.fromkeys(map(parse_symbol, named or settings.SIGNAL_SYMBOLS))),
        tuple(dict.fromkeys(parse_timeframe(each, tuple(Timeframe)) for each in lengths)),
        named=bool(named),
        since_ms=_time_ms("--since", since),
        until_ms=_time_ms("--until", until),
        again=again,
    )


def _time_ms(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{option} {text!r} is no date; write it like 2024-01-31") from error
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(utc.timestamp() * 1e3)
