"""What lies in this instance's model folders. Read by the views of `/api/models`."""

from functools import cache
from pathlib import Path

from django.conf import settings

from inference.artefacts.catalogue import Catalogue, CatalogueReader
from inference.artefacts.places import network_places
from inference.config import resolve_model_path
from market.candles.timeframes import SIGNAL_TIMEFRAMES


def model_catalogue() -> Catalogue:
    """Return what lies there now, or did at most two seconds ago."""
    return _reader(settings.BASE_DIR, settings.VAR_DIR, tuple(settings.SIGNAL_SYMBOLS)).read()


@cache
def _reader(base_dir: Path, var_dir: Path, symbols: tuple[str, ...]) -> CatalogueReader:
    configured = resolve_model_path(settings.INFERENCE.model.path, base_dir)
    return CatalogueReader(
        places=lambda: network_places(configured, base_dir, var_dir),
        roots=(var_dir / "models", base_dir / "models"),
        keys=[(symbol, timeframe) for symbol in symbols for timeframe in SIGNAL_TIMEFRAMES],
        conversions=var_dir / "converted",
    )
