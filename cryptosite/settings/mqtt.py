"""The MQTT broker that bots listen to; empty: none."""

import re

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.mqtt.address import parse_address

MQTT_URL = env.text("MQTT_URL", secret=True)
"""It may hold a password, so it is never shown."""
if MQTT_URL:
    try:
        parse_address(MQTT_URL)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"MQTT_URL=(hidden): must be mqtt[s]://[user:password@]host[:port]: {error}"
        ) from error

MQTT_TOPIC = env.text("MQTT_TOPIC", "hbot/predictions")
"""The topics' root, which hummingbot's controller names in its setting `topic`."""
if not re.fullmatch(r"[^+#\s/]+(/[^+#\s/]+)*", MQTT_TOPIC) or len(MQTT_TOPIC) > 200:
    raise ImproperlyConfigured(
        f"MQTT_TOPIC={MQTT_TOPIC!r:.80}: must be names joined by /, such as hbot/predictions, "
        "without + and #, of at most 200 characters"
    )

MQTT_TIMEFRAME = env.choice(
    "MQTT_TIMEFRAME", "15m", tuple(each.value for each in SIGNAL_TIMEFRAMES)
)
"""Whose signals lie at the root too, where hummingbot's controller looks by default."""
