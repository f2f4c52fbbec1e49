"""Which of the settings' addresses apprise can read. Read by senders and by `manage.py check`.

apprise is imported only where there is an address to read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    import apprise

SETTINGS = ("ALERT_URLS", "SIGNAL_ALERT_URLS")
ALLOWED = (
    "each address with its scheme, such as tgram://, mailto://, slack://, discord:// or ntfys://, "
    "as https://appriseit.com/services/ has it"
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An address that apprise cannot read, by its place: position counts from one."""

    setting: str
    position: int
    scheme: str

    def __str__(self) -> str:
        return f"{self.setting}: apprise cannot read number {self.position}, {self.scheme}://…"


def open_address(url: str) -> "apprise.Apprise | None":
    """Return what notifies the address; None where apprise cannot read it."""
    import apprise

    # Nothing of an address is kept on disk.
    asset = apprise.AppriseAsset(app_id="cryptosite", storage_mode="memory")
    opened = apprise.Apprise(asset=asset)
    return opened if opened.add(url) else None


def unreadable_addresses() -> Iterator[Unreadable]:
    """Yield those of the settings that apprise cannot read."""
    for setting in SETTINGS:
        yield from _unreadable(setting, getattr(settings, setting))


def _unreadable(setting: str, urls: Sequence[str]) -> Iterator[Unreadable]:
    for position, url in enumerate(urls, 1):
        if not _is_readable(url):
            yield Unreadable(setting, position, url.partition("://")[0])


@cache
def _is_readable(url: str) -> bool:
    # The System page asks once a minute, and settings do not change.
    return open_address(url) is not None
