"""Whether an address is this machine's own: what may be bound without a token."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether `host`, a name or an address, is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
