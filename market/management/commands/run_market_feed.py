"""Run the market feed: events → features → hot state, and candles → the candle store."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.desk import CandlePlan
from market.collector import collect_seldom
from market.feeds import FeedError
from market.feeds.choosing import Independence
from market.feeds.opening import MarketChoice
from market.recording.recorder import RecordingPlan
from market.redis_policy import EvictionPolicyError
from market.running import MarketPlan, run_market
from market.stopping import StopFlag

LISTENERS = ("WEBHOOK_URLS", "MQTT_URL", "API_TOKEN")
"""Settings that hand predictions on to others; with one of them `auto` never simulates."""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="end with the recording instead of starting anew"
        )

    def handle(self, *, once: bool, **options: object) -> None:
        stopping = StopFlag().install()
        service = settings.INFERENCE
        plan = MarketPlan(
            MarketChoice(
                source=settings.MARKET_SOURCE,
                symbols=settings.FORECAST_SYMBOLS,
                replay=settings.MARKET_REPLAY,
                speed=settings.MARKET_SPEED,
                seed=settings.MARKET_SEED,
                flow=settings.MARKET_FLOW,
                candle_symbols=settings.SIGNAL_SYMBOLS,
                exchange=settings.EXCHANGE,
                exchange_url=settings.EXCHANGE_URL,
                independence=Independence(
                    settings.BEEN_LIVE,
                    tuple(name for name in LISTENERS if getattr(settings, name, None)),
                ),
            ),
            CandlePlan(settings.CANDLES_DIR, settings.CANDLE_EXCHANGE, settings.SIGNAL_SYMBOLS),
            redis_url=settings.REDIS_URL,
            cluster=service.redis.cluster_mode,
            tick_ms=service.prediction.tick_ms,
            recording=RecordingPlan(settings.RECORDINGS_DIR, settings.RECORDING_RETENTION_DAYS),
        )
        collect_seldom()
        try:
            run_market(plan, stopping, once=once)
        except (FeedError, EvictionPolicyError) as error:
            raise CommandError(str(error), returncode=78) from error
