"""Run the market feed: events → features → hot state."""

import time
from argparse import ArgumentParser
from functools import partial

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market import keys
from market.feeds import FeedError
from market.feeds.opening import MarketChoice, open_feed
from market.pump import Pump
from market.redis_cluster import AWAY, AnyClient, connect
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
        choice = MarketChoice(
            source=settings.MARKET_SOURCE,
            symbols=settings.FORECAST_SYMBOLS,
            replay=settings.MARKET_REPLAY,
            speed=settings.MARKET_SPEED,
            seed=settings.MARKET_SEED,
            flow=settings.MARKET_FLOW,
        )
        service = settings.INFERENCE
        client: AnyClient | None = None
        while not stopping():
            try:
                client = client or connect(
                    settings.REDIS_URL,
                    cluster=service.redis.cluster_mode,
                    decode_responses=True,
                    socket_timeout=5,
                )
                require_noeviction(client)
                opened = open_feed(
                    choice, time.time_ns() // 1_000_000, partial(client.incr, keys.replay_runs())
                )
            except (FeedError, EvictionPolicyError) as error:
                raise CommandError(str(error), returncode=78) from error
            except AWAY as error:
                self.stderr.write(f"waiting for Redis: {error}")
                time.sleep(1)
                continue
            Pump(opened, client, stopping, tick_ms=service.prediction.tick_ms).run()
            if once:
                break
