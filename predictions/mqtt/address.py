"""Where the broker is, out of MQTT_URL. Read by the settings and by the publisher."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""By scheme; mqtts is TLS."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and what it is shown; printed without the password."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_address(url: str) -> BrokerAddress:
    """Read `mqtt[s]://[user:password@]host[:port]`.

    Raises ValueError, in whose text and trace nothing of the URL stands.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("host and password are not to be told apart") from None
    if parts.scheme not in PORTS:
        raise ValueError("it must start with mqtt:// or mqtts://")
    try:
        port = parts.port
    except ValueError:
        # What looks like a port may be the end of a password.
        raise ValueError("the port must be a number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("it names no host")
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("nothing may follow host and port; the topic is MQTT_TOPIC")
    return BrokerAddress(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
