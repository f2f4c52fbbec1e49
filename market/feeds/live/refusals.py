"""What ccxt raises, as the live feed understands it: who asked to be left alone, and for how long.

Read by every link.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt

from market.feeds.live.link import LinkError

LEFT_ALONE_SECONDS = 30.0
"""After a refusal that does not say for how long it holds."""

_LEFT_ALONE_UNTIL = "leftAloneUntil"  # among ccxt's options: where it is of one exchange alone


@contextmanager
def asking(exchange: Any) -> Iterator[None]:
    """Do as `refusals` around a question by REST, and ask nothing while left alone.

    Binance bans those for longer who go on asking, so one answer counts for all who ask.
    """
    left_seconds = exchange.options.get(_LEFT_ALONE_UNTIL, 0.0) - time.monotonic()
    if left_seconds > 0:
        raise LinkError("the exchange asked to be left alone", left_seconds)
    try:
        with refusals(exchange):
            yield
    except LinkError as error:
        if error.wait_seconds is not None:
            exchange.options[_LEFT_ALONE_UNTIL] = time.monotonic() + error.wait_seconds
        raise


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
    # ccxt names the address alone; what went wrong is in the error that its own came of. It goes
    # first, as pages show the beginning.
    told = f"{type(error).__name__}: {error}"
    return (told if error.__cause__ is None else f"{error.__cause__} ({told})")[:300]
