"""Redis: REDIS_URL, else REDIS_HOST and REDIS_PORT, else the YAML's `redis` section."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.inference import INFERENCE

REDIS_URL = env.text(
    "REDIS_URL", f"redis://{INFERENCE.redis.host}:{INFERENCE.redis.port}/0", secret=True
)
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    raise ImproperlyConfigured("REDIS_URL must start with redis://, rediss:// or unix://")

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
