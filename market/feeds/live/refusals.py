"""What ccxt raises, as the live feed understands it: who asked to be left alone, and for how long.

Read by every link.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt

from market.feeds.live.link import LinkError

LEFT_ALONE_SECONDS = 30.0
"""After a refusal that does not say for how long it holds."""


@contextmanager
def refusals(exchange: Any) -> Iterator[None]:
    """Raise LinkError for whatever ccxt raises within; `exchange` is ccxt's."""
    try:
        yield
    except (ccxt.DDoSProtection, ccxt.RateLimitExceeded) as error:
        raise LinkError(_short(error), _retry_after(exchange)) from error
    except ccxt.BaseError as error:
        raise LinkError(_short(error)) from error


def _retry_after(exchange: Any) -> float:
    headers = getattr(exchange, "last_response_headers", None) or {}
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                break
    return LEFT_ALONE_SECONDS


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
