"""A slot's ranking as people get it: plain finite values, and lines of text.

The API tells the values, `manage.py models` both.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any, cast

import redis
from django.conf import settings

from inference.artefacts.versions import Slot
from market.clock import MarketTime
from market.redis_cluster import AWAY, connect
from predictions.accuracy.venues import UnknownVenueError, default_venue
from predictions.cards.figures import number_of
from predictions.models.retraining import VersionState
from predictions.promotion.ranking import MEASURE, ranking
from predictions.running_market import market_time

Told = dict[str, Any]
WIDTH = 100
ANSWER_SECONDS = 2.0
_NAME = 34
_HEAD = f"    {'version':{_NAME}}  {'':13}  {'loss saved':>10}  {'95 % interval':>19}  {'n':>10}"


def told_ranking(slot: Slot, venue: str, champion: str) -> Told:
    """Return the ranking as JSON can have it: what is no finite number is None."""
    told = ranking(slot, venue, champion)
    for listed in ("versions", "baselines"):
        told[listed] = [_finite(row) for row in told[listed]]
    return told


def rankings(champions: Mapping[Slot, str]) -> dict[Slot, Told]:
    """Return the ranking of each slot in which several versions have graded predictions.

    champions: what serves. In the venue of the market that runs, else of the newest prediction.
    Raises TooMuchAskedError, DatabaseError.
    """
    market = _running_market()
    found: dict[Slot, Told] = {}
    for slot, champion in champions.items():
        with suppress(UnknownVenueError):
            venue = default_venue(slot.engine) if market is None else market.venue
            told = told_ranking(slot, venue, champion)
            if sum(each["n"] > 0 for each in told["versions"]) > 1:
                found[slot] = told
    return found


def printed_ranking(told: Told) -> Iterator[str]:
    """Write a ranking as lines of at most 100 columns: the best first, what it rests on last."""
    yield f"{told['slot']} on the ledger of {told['venue']}, {_span(told)}"
    rows = [*told["versions"], *told["baselines"]]
    ranked = sorted((row for row in rows if row["rank"] is not None), key=lambda row: row["rank"])
    if ranked:
        yield _HEAD
    for row in ranked:
        yield from _printed(row, told["champion"])
    for row in told["versions"]:
        if row["rank"] is None:
            yield f"    {_name(row)}: too early to rank, {_shared(row)} shared decisions"
    more = f" {told['left_out']} more are not looked at." if told["left_out"] else ""
    for line in wrap(told["compared_on"] + more, WIDTH - 2):
        yield f"  {line}"


def _running_market() -> MarketTime | None:
    cluster = settings.INFERENCE.redis.cluster_mode
    times = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), ANSWER_SECONDS)
    try:
        with connect(settings.REDIS_URL, cluster=cluster, **times) as client:
            return market_time(cast(redis.Redis, client))
    except AWAY:
        return None


def _printed(row: Told, champion: str) -> Iterator[str]:
    name, place = _name(row), f"{row['rank']:2}."
    if len(name) > _NAME:
        yield f"{place} {name}"
        name, place = "", ""
    state = "baseline" if "version" not in row else _state(row, champion)
    head = f"{place:3} {name:{_NAME}}  {state:13}"
    saved = row[MEASURE]
    if saved is None:
        yield f"{head}  {'0 %':>10}"
        return
    ends = f"{_percent(saved['lower'])} … {_percent(saved['upper'])}"
    yield f"{head}  {_percent(saved['value'], ' %'):>10}  {ends:>19}  {saved['n']:>10,}"


def _state(row: Told, champion: str) -> str:
    if row["version"] == champion:
        return VersionState.CHAMPION.label
    return "unregistered" if row["state"] is None else VersionState(row["state"]).label


def _name(row: Told) -> str:
    return str(row.get("version", row.get("name")))


def _shared(row: Told) -> int:
    return row[MEASURE]["n"] if row[MEASURE] else 0


def _percent(share: float | None, unit: str = "") -> str:
    return "unknown" if share is None else f"{100 * share:+.2f}{unit}"


def _span(told: Told) -> str:
    first, last = (datetime.fromtimestamp(told[end] / 1000, UTC) for end in ("from_ms", "to_ms"))
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _finite(row: Told) -> Told:
    return {name: _figure(value) for name, value in row.items()}


def _figure(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _figure(each) for name, each in value.items()}
    return number_of(value) if isinstance(value, float) else value
