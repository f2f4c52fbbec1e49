"""Which venues there is a record of, and which one is meant where none is named.

Read by accuracy_report and by the accuracy page. A command need not have Redis; the web process
asks `clock:market` for the running one instead.
"""

from dataclasses import dataclass
from typing import Any

from inference.vocabulary import FORECASTS
from predictions.models import Forecast, ForecastRollup, Signal

NEWEST_ROWS = 20_000
"""Of a venue, which are looked through for model versions."""


class UnknownVenueError(ValueError):
    """The ledger is empty, so there is no venue to choose."""


def default_venue(engine: str) -> str:
    """Return the venue of the engine's newest row. Raises UnknownVenueError."""
    model: Any = Forecast if engine == FORECASTS else Signal
    newest = list(model.objects.order_by("-id").values_list("venue", flat=True)[:1])
    if not newest:
        raise UnknownVenueError(f"the ledger holds no {engine} yet")
    return str(newest[0])


@dataclass(frozen=True, slots=True)
class RecordedVenue:
    """A venue with predictions of an engine. live: what the newest claims. versions: of models."""

    name: str
    live: bool
    versions: tuple[str, ...]


def recorded_venues(engine: str) -> list[RecordedVenue]:
    """Return the venues of an engine's record, each found by one look into the index."""
    model: Any = Forecast if engine == FORECASTS else Signal
    found: list[RecordedVenue] = []
    rows = model.objects.order_by("venue", "-predicted_at").values_list("venue", "live")
    newest = rows.first()
    while newest is not None:
        venue, live = newest
        found.append(RecordedVenue(venue, live, _versions(engine, venue)))
        newest = rows.filter(venue__gt=venue).first()
    return found


def _versions(engine: str, venue: str) -> tuple[str, ...]:
    model: Any = Forecast if engine == FORECASTS else Signal
    newest = model.objects.filter(venue=venue).order_by("-predicted_at", "-id")
    versions = set(newest.values_list("model_version", flat=True)[:NEWEST_ROWS])
    if engine == FORECASTS:
        hours = ForecastRollup.objects.filter(venue=venue).order_by()
        versions |= set(hours.values_list("model_version", flat=True).distinct())
    return tuple(sorted(versions))
