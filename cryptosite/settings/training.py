"""Where training finds recorded markets."""

from pathlib import Path

from cryptosite import env
from cryptosite.settings.paths import BASE_DIR

SHARED_DATA = Path(env.text("SHARED_DATA", str(BASE_DIR.parent / "shared"))).resolve()
"""Recordings of exchange frames lie in `data/frames/<name>/` below it."""
