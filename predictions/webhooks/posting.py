"""One webhook's way out: a signed POST that may take three seconds and goes nowhere else.

Read by the alerts' process.
"""

import os
from collections.abc import Callable
from datetime import datetime

import aiohttp
import orjson

from predictions.models import Delivery
from predictions.outbox.sending import SendError
from predictions.outbox.targets import Target
from predictions.webhooks.payload import body_at
from predictions.webhooks.signing import signed_headers

TRY_SECONDS = 3.0
AGENT = "cryptosite-webhooks/1"


class WebhookSender:
    """Posts to one address."""

    def __init__(self, target: Target, key: bytes, now: Callable[[], datetime]) -> None:
        self._target = target
        self._key = key
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def send(self, delivery: Delivery) -> None:
        now = self._now()
        body = orjson.dumps(body_at(delivery.payload, now))
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT,
            **signed_headers(self._key, delivery.message_id, int(now.timestamp()), body),
        }
        try:
            # The limit holds for all of it: a receiver that answers a byte a second, too.
            async with self._open().post(
                self._target.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except TimeoutError as error:
            raise SendError(f"no answer within {TRY_SECONDS:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise SendError(f"cannot connect: {_reason(error)}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Their own texts may hold the address.
            raise SendError(type(error).__name__) from error
        if not 200 <= status < 300:
            redirected = ", and redirects are not followed" if 300 <= status < 400 else ""
            raise SendError(f"HTTP {status}{redirected}")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=TRY_SECONDS)
            self._session = aiohttp.ClientSession(
                timeout=limit, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name is unknown"
    if isinstance(error, aiohttp.ClientSSLError):
        return "TLS failed, or its certificate is not trusted"
    return os.strerror(error.os_error.errno or 0)
