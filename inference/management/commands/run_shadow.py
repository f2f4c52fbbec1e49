"""Let versions on trial predict beside the champions: recorded and graded, never published."""

import asyncio

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.config import ConfigError
from inference.shadows.process import ShadowSettings, serve
from market.redis_policy import EvictionPolicyError
from market.stopping import StopFlag


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def handle(self, **options: object) -> None:
        process = ShadowSettings(
            config=settings.INFERENCE,
            symbols=settings.FORECAST_SYMBOLS,
            exchange=settings.CANDLE_EXCHANGE,
            base_dir=settings.BASE_DIR,
            candles_dir=settings.CANDLES_DIR,
            var_dir=settings.VAR_DIR,
            device=settings.MODEL_DEVICE,
            redis_url=settings.REDIS_URL,
        )
        stopping = StopFlag().install()
        try:
            asyncio.run(serve(process, stopping))
        except (ConfigError, EvictionPolicyError) as error:
            raise CommandError(str(error), returncode=78) from error
