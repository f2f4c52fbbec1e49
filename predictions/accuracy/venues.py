"""Which venue is meant where none is named: the one that spoke last. Read by accuracy_report.

A command need not have Redis; the web process asks `clock:market` instead.
"""

from typing import Any

from inference.vocabulary import FORECASTS
from predictions.models import Forecast, Signal


class UnknownVenueError(ValueError):
    """The ledger is empty, so there is no venue to choose."""


def default_venue(engine: str) -> str:
    """Return the venue of the engine's newest row. Raises UnknownVenueError."""
    model: Any = Forecast if engine == FORECASTS else Signal
    newest = list(model.objects.order_by("-id").values_list("venue", flat=True)[:1])
    if not newest:
        raise UnknownVenueError(f"the ledger holds no {engine} yet")
    return str(newest[0])
