"""Every setting with its value and where it comes from, for `show_config`; secrets masked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptosite.env import Origin
from inference.config import ServiceConfig, dotted

MASK = "********"

STORES = frozenset({"DATABASE_URL", "MQTT_URL", "REDIS_URL"})
"""Secrets of whose address only the password is one. Of any other, each part may be."""

_KIND = re.compile(r"(?:^|(?<=[\s,]))[A-Za-z][\w+.-]*://")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a variable's name or a dotted YAML key."""

    name: str
    value: object
    source: str


def collect(
    origins: Mapping[str, Origin], service: ServiceConfig, service_origins: Mapping[str, str]
) -> list[Entry]:
    """Return the environment's settings by name, then the YAML's keys in their order."""
    entries = [
        Entry(origin.name, _shown(origin), origin.source)
        for origin in sorted(origins.values(), key=lambda origin: origin.name)
    ]
    entries += [
        Entry(key, value, service_origins.get(key, "default"))
        for key, value in dotted(service).items()
    ]
    return entries


def mask_url(url: str) -> str:
    """Return the URL with its password masked, and whatever else its query names a secret."""
    # Up to the last @: a password may hold anything, and masking too much does no harm.
    masked = re.sub(r"://([^:@/]*):.*@", rf"://\1:{MASK}@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:pass|token|secret)[^=&]*=)[^&]*", rf"\1{MASK}", masked)


def _shown(origin: Origin) -> object:
    value = origin.value
    if origin.secret and origin.name not in STORES:
        return _hidden(str(value)) if value else ""
    if isinstance(value, str) and "://" in value:
        return mask_url(value)
    if origin.secret:
        return MASK if value else ""
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _hidden(value: str) -> str:
    # Of addresses of people and bots their kinds: it helps, and tells nothing.
    kinds: list[str] = _KIND.findall(value)
    return ", ".join(kind + MASK for kind in kinds) or MASK
