"""One address that messages go to, and its name where nobody may see the address.

Read by whatever writes messages or sends them.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from predictions.models import Channel
from predictions.models.alerting import TARGET_LENGTH

KEY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Target:
    """An address. shown: what rows and logs call it; key: by which a row finds it again."""

    channel: Channel
    url: str = field(repr=False)
    shown: str
    key: str


def targets(channel: Channel, urls: Iterable[str]) -> tuple[Target, ...]:
    """Return the settings' addresses of a channel."""
    return tuple(_target(channel, url) for url in urls)


def _target(channel: Channel, url: str) -> Target:
    # Keyed: the address may be guessed, and a bare digest would tell who guessed right.
    secret = settings.SECRET_KEY.encode()
    key = hmac.new(secret, f"{channel}\n{url}".encode(), hashlib.sha256).hexdigest()[:KEY_DIGITS]
    mark = f" ({key[:4]})"
    return Target(channel, url, _shown(channel, url)[: TARGET_LENGTH - len(mark)] + mark, key)


def _shown(channel: Channel, url: str) -> str:
    # Of an apprise address even the host may be a token; of a webhook's, the path.
    parts = urlsplit(url)
    if channel is not Channel.WEBHOOK:
        return f"{url.partition('://')[0]}://…"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}/" + ("…" if parts.path.strip("/") else "")
