"""`manage.py run_mqtt`: publish signals and forecasts of a live market for bots."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.backoff import NoBackoff
from redis.retry import Retry

from market.candles.timeframes import Timeframe
from market.redis_cluster import AWAY, connect
from market.stopping import StopFlag
from predictions.mqtt.address import parse_address
from predictions.mqtt.heartbeat import idle
from predictions.mqtt.topics import Topics

SOCKET_SECONDS = 5.0


class Command(BaseCommand):
    help = "Publish signals and forecasts of a live market on the MQTT broker MQTT_URL."
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def handle(self, **_: object) -> None:
        stopping = StopFlag().install()
        try:
            client = connect(
                settings.REDIS_URL,
                cluster=settings.INFERENCE.redis.cluster_mode,
                socket_timeout=SOCKET_SECONDS,
                socket_connect_timeout=SOCKET_SECONDS,
                retry=Retry(NoBackoff(), 0),  # the loop is what retries
            )
        except AWAY as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        try:
            if not settings.MQTT_URL:
                self.stdout.write("mqtt: MQTT_URL is not set; nothing is published")
                idle(client, stopping)
                return
            # Only now: an instance without bots does without these libraries.
            from predictions.mqtt.loop import PublishingLoop

            PublishingLoop(
                client,
                parse_address(settings.MQTT_URL),
                Topics(settings.MQTT_TOPIC, Timeframe(settings.MQTT_TIMEFRAME)),
                stopping,
                cluster=settings.INFERENCE.redis.cluster_mode,
            ).run()
        finally:
            client.close()
