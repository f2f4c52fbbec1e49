"""Where what was recorded of the running market lies."""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from training.pipeline.market_now import running_market
from training.recorded_markets import venue_folder


def recordings_to_learn_from(given: Sequence[Path] | None) -> tuple[Path, ...]:
    """Return the recordings that were named, else those of the running venue, else the newest.

    Raises TooLittleDataError where nothing was recorded.
    """
    if given:
        return tuple(given)
    market = running_market()
    return (venue_folder(settings.RECORDINGS_DIR, market.venue if market else None),)
