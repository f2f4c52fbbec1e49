"""What child processes of an instance of their own inherit, and what not."""

import os
from pathlib import Path

_OF_THE_SESSION = {"REDIS_URL", "CRYPTOSITE_TEST_SESSION", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}


def instance_environment(var_dir: Path) -> dict[str, str]:
    """Return the environment of an instance that keeps its data in `var_dir`, without a Redis."""
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_THE_SESSION}
    return inherited | {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": str(var_dir),
        "MARKET_SOURCE": "simulated",  # the default asks exchanges
        "PYTHONUNBUFFERED": "1",
    }
