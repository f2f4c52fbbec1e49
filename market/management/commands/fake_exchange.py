"""Serve recorded frames in Binance's own protocol, on loopback, with faults on demand."""

import asyncio
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.importing.files import ImportFileError
from market.feeds import FeedError
from market.stopping import StopFlag

PORT = 8765


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--port", type=int, default=PORT, help=f"on 127.0.0.1 (default {PORT})")
        add("--recordings", type=Path, nargs="+", metavar="PATH", help="default: MARKET_REPLAY")
        add("--symbols", nargs="+", default=[], help="serve these; extra ones take turns")
        add("--speed", type=_speed, default=1.0, help="0: as fast as clients read")
        add("--as-recorded", action="store_true", help="leave the exchange's times as they are")
        add("--once", action="store_true", help="fall silent at the end instead of looping")
        add("--candles", type=Path, metavar="PATH", help="candle files for /api/v3/klines")
        add(
            "--fault",
            action="append",
            default=[],
            metavar="KIND[:at=SECONDS,seconds=…]",
            help="silent:at=30,seconds=5,symbol=BTCUSDT; may be repeated",
        )

    def handle(self, **options: Any) -> None:
        from market.fake_exchange.running import run_fake_exchange

        recordings = options["recordings"] or settings.MARKET_REPLAY
        if not recordings:
            raise CommandError("give --recordings PATH… (folders of recorded frames, *.gz)")
        try:
            asyncio.run(
                run_fake_exchange(
                    tuple(recordings), options, StopFlag().install(), self.stdout.write
                )
            )
        except (FeedError, ImportFileError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 1_000:
        raise ArgumentTypeError(f"{text}: a number from 0 to 1000")
    return speed
