"""Run the signal loop: at each candle close, LONG, SHORT or NO_TRADE for every coin."""

import asyncio
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.config import ConfigError
from inference.signals.process import SignalSettings, serve
from market.redis_policy import EvictionPolicyError
from market.stopping import StopFlag


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--max-batches", type=int, help="end after this many batches")

    def handle(self, *, max_batches: int | None, **options: object) -> None:
        process = SignalSettings(
            config=settings.INFERENCE,
            symbols=settings.SIGNAL_SYMBOLS,
            exchange=settings.CANDLE_EXCHANGE,
            candles_dir=settings.CANDLES_DIR,
            models_dir=settings.BASE_DIR / "models",
            var_dir=settings.VAR_DIR,
            device=settings.MODEL_DEVICE,
            market_source=settings.MARKET_KIND,
            redis_url=settings.REDIS_URL,
            metrics_port=settings.SIGNALS_METRICS_PORT,
            token=settings.API_TOKEN,
        )
        stopping = StopFlag().install()
        try:
            asyncio.run(serve(process, stopping, max_batches))
        except (ConfigError, EvictionPolicyError) as error:
            raise CommandError(str(error), returncode=78) from error
