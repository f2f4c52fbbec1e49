"""Run the market feed: events → features → hot state."""

import time
from argparse import ArgumentParser

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market import keys
from market.feeds import FeedError
from market.feeds.opening import MarketChoice, open_feed
from market.pump import Pump
from market.redis_policy import EvictionPolicyError, require_noeviction
from market.stopping import StopFlag


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="end with the recording instead of starting anew"
        )

    def handle(self, *, once: bool, **options: object) -> None:
        stopping = StopFlag().install()
        client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True, socket_timeout=5)
        choice = MarketChoice(
            source=settings.MARKET_SOURCE,
            symbols=settings.FORECAST_SYMBOLS,
            replay=settings.MARKET_REPLAY,
            speed=settings.MARKET_SPEED,
            seed=settings.MARKET_SEED,
            flow=settings.MARKET_FLOW,
        )
        tick_ms = settings.INFERENCE.prediction.tick_ms
        while not stopping():
            try:
                require_noeviction(client)
                opened = open_feed(
                    choice, time.time_ns() // 1_000_000, lambda: client.incr(keys.replay_runs())
                )
            except (FeedError, EvictionPolicyError) as error:
                raise CommandError(str(error), returncode=78) from error
            except redis.RedisError as error:
                self.stderr.write(f"waiting for Redis: {error}")
                time.sleep(1)
                continue
            Pump(opened, client, stopping, tick_ms=tick_ms).run()
            if once:
                break
