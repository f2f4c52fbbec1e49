"""Structured logs (structlog) for our code and for libraries, to stderr."""

import structlog
from structlog.typing import Processor

from cryptosite import env

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("text", "json"))

_shared: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_renderer: Processor = (
    structlog.processors.JSONRenderer()
    if LOG_FORMAT == "json"
    else structlog.dev.ConsoleRenderer(colors=False)
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "redis_away": {"()": "dashboard.redis_noise.RedisAwayFilter"},
        "refused": {"()": "cryptosite.refused_requests.RefusedRequestFilter"},
    },
    "formatters": {
        "structured": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _renderer,
            ],
        }
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "structured"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "loggers": {
        "channels_redis.pubsub": {"filters": ["redis_away"]},
        "django.security.DisallowedHost": {"filters": ["refused"]},
        # Below this they may tell addresses, which hold the tokens of who is told.
        # apprise does so in its errors, too; what it says of a delivery stands in its row.
        "apprise": {"level": "WARNING", "handlers": ["nowhere"], "propagate": False},
        "urllib3": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},  # it tells of every socket
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
