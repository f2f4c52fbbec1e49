"""Keeps the channel layer from logging a traceback a second while Redis is away.

Named in the logging settings. The hub says once that Redis is away, and the health frame shows
it; everything else that the layer logs passes.
"""

import logging

import redis


class RedisAwayFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError)
