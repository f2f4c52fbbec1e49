"""`manage.py run_mqtt`: publish signals and forecasts of a live market for bots."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.candles.timeframes import Timeframe
from market.redis_cluster import AWAY
from market.stopping import StopFlag
from predictions.mqtt.address import parse_address
from predictions.mqtt.loop import PublishingLoop, idle
from predictions.mqtt.topics import Topics
from predictions.recording.loop import connect


class Command(BaseCommand):
    help = "Publish signals and forecasts of a live market on the MQTT broker MQTT_URL."
    requires_system_checks = ()  # they import the URLs, and with them what only the web needs

    def handle(self, **_: object) -> None:
        stopping = StopFlag().install()
        try:
            client = connect(settings.REDIS_URL)
        except AWAY as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        try:
            if not settings.MQTT_URL:
                self.stdout.write("mqtt: MQTT_URL is not set; nothing is published")
                idle(client, stopping)
                return
            PublishingLoop(
                client,
                parse_address(settings.MQTT_URL),
                Topics(settings.MQTT_TOPIC, Timeframe(settings.MQTT_TIMEFRAME)),
                stopping,
                cluster=settings.INFERENCE.redis.cluster_mode,
            ).run()
        finally:
            client.close()
