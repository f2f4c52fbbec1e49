"""Run the forecast loop: every two seconds, the price ten seconds ahead."""

import asyncio
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.config import ConfigError
from inference.forecasts.service import ServiceSettings, serve
from market.redis_policy import EvictionPolicyError
from market.stopping import StopFlag


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--max-ticks", type=int, help="end after this many ticks")

    def handle(self, *, max_ticks: int | None, **options: object) -> None:
        service = ServiceSettings(
            config=settings.INFERENCE,
            symbols=settings.FORECAST_SYMBOLS,
            redis_url=settings.REDIS_URL,
            base_dir=settings.BASE_DIR,
            var_dir=settings.VAR_DIR,
            token=settings.API_TOKEN,
        )
        stopping = StopFlag().install()
        try:
            asyncio.run(serve(service, stopping, max_ticks))
        except (ConfigError, EvictionPolicyError) as error:
            raise CommandError(str(error), returncode=78) from error
