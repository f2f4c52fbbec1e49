"""Who is told what: operational alerts, signals as notifications, and signals as webhooks."""

import base64
import binascii
import re
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.security import WEB_PORT

SECRET_PREFIX = "whsec_"  # noqa: S105  (it marks a secret, and is none)
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Bytes, as Standard Webhooks has it."""


def _urls(name: str, text: str) -> tuple[str, ...]:
    # A comma may also stand inside of an address; one that parts two is followed by a scheme.
    parts = re.split(r"\s*,\s*(?=[A-Za-z][\w+.-]*://)|\s+", text)
    urls = tuple(dict.fromkeys(part for part in parts if part))
    for number, url in enumerate(urls, 1):
        if not re.match(r"[A-Za-z][\w+.-]*://", url):
            raise ImproperlyConfigured(f"{name}: number {number} is no URL (hidden)")
    return urls


def _webhook_urls() -> tuple[str, ...]:
    urls = _urls("WEBHOOK_URLS", env.text("WEBHOOK_URLS", secret=True))
    for number, url in enumerate(urls, 1):
        try:
            parts = urlsplit(url)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ImproperlyConfigured(
                f"WEBHOOK_URLS: number {number} (hidden) must be http://host… or https://host…"
            )
    return urls


def _webhook_key() -> bytes:
    secret = env.text("WEBHOOK_SECRET", secret=True)
    if not secret:
        if WEBHOOK_URLS:
            raise ImproperlyConfigured(f"WEBHOOK_URLS is set: set WEBHOOK_SECRET as well, {_HOW}")
        return b""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise ImproperlyConfigured(f"WEBHOOK_SECRET (hidden) must be {_HOW}")
    return key


_HOW = (
    f"{SECRET_PREFIX} and the base64 of {SHORTEST_SECRET} to {LONGEST_SECRET} random bytes: "
    f"echo {SECRET_PREFIX}$(openssl rand -base64 32)"
)

ALERT_URLS = _urls("ALERT_URLS", env.text("ALERT_URLS", secret=True))
"""Where operational alerts go, as apprise writes addresses."""

ALERT_HOLD_SECONDS = env.number("ALERT_HOLD_SECONDS", 15.0, minimum=0.0, maximum=3600.0)
"""What is wrong for shorter is not told."""
ALERT_RECOVERY_SECONDS = env.number("ALERT_RECOVERY_SECONDS", 30.0, minimum=0.0, maximum=3600.0)
"""What is gone for shorter is not over."""

SIGNAL_ALERT_URLS = _urls("SIGNAL_ALERT_URLS", env.text("SIGNAL_ALERT_URLS", secret=True))
"""Where signals go as notifications, as apprise writes addresses."""
SIGNAL_ALERT_CONFIDENCE = env.number("SIGNAL_ALERT_CONFIDENCE", 0.7, minimum=0.0, maximum=1.0)
"""The least confidence of a signal that is sent, to webhooks too."""

WEBHOOK_URLS = _webhook_urls()
WEBHOOK_KEY = _webhook_key()

ALERTING = bool(ALERT_URLS or SIGNAL_ALERT_URLS or WEBHOOK_URLS)
"""Whether the process of alerts has anything to do."""

PUBLIC_URL = env.text("PUBLIC_URL", f"http://127.0.0.1:{WEB_PORT}").rstrip("/")
"""Where people reach this site: what links in messages begin with."""
if urlsplit(PUBLIC_URL).scheme not in {"http", "https"}:
    raise ImproperlyConfigured(f"PUBLIC_URL={PUBLIC_URL!r}: must start with http:// or https://")
