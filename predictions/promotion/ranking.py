"""All versions of a slot on one market's ledger, in order of what they save of the champion's loss.

Read by the Models page and `manage.py models`. What a version said itself fell into its own hours,
calm or wild, so figures of that rank nobody. The order is of shared decisions alone: each version
against the champion, and what is too little to compare stands apart. Plain values come out, ready
for JSON; unknown, and too few, is None.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from inference.artefacts.versions import Slot
from predictions.models import ModelVersion
from predictions.models.retraining import VersionState
from predictions.promotion import ranked_forecasts, ranked_signals
from predictions.promotion.ranked import Least, Ranked

MOST_VERSIONS = 12
"""Those that serve or are on trial, then those that spoke last."""
MEASURE = "against_champion"
_STANDING = (VersionState.CHAMPION, VersionState.PREVIOUS, VersionState.SHADOW)

Row = dict[str, Any]


def ranking(
    slot: Slot,
    venue: str,
    champion: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Row:
    """Return the versions that spoke and the baselines, each with `rank`, the best first.

    champion: what the others are compared with, "" for none. rank: None for what is too early to
    rank, which comes last, the most shared decisions first. compared_on, and the `least` that a
    comparison needs, say what the order rests on; left_out: versions beyond MOST_VERSIONS.
    """
    if slot.timeframe is None:
        found, left_out = _forecasters(venue, champion, from_ms, to_ms)
        least = ranked_forecasts.LEAST
    else:
        found, left_out = _signallers(slot, venue, champion, from_ms, to_ms)
        least = ranked_signals.LEAST
    states = dict(ModelVersion.objects.filter(slot=str(slot)).values_list("version", "state"))
    versions = [
        {"version": each.version, "state": states.get(each.version)}
        | each.own
        | {MEASURE: each.against_champion}
        for each in found.versions
    ]
    spoke = any(each["version"] == champion and each["n"] for each in versions)
    _rank([*versions, found.baseline], champion)
    return {
        "slot": str(slot),
        "venue": venue,
        "champion": champion,
        "from_ms": found.from_ms,
        "to_ms": found.to_ms,
        "measure": MEASURE,
        "compared_on": _compared_on(slot, venue, champion, least, spoke=spoke),
        "least": asdict(least),
        "versions": sorted(versions, key=_place),
        "baselines": [found.baseline] if versions else [],
        "left_out": left_out,
    }


def _rank(rows: Sequence[Row], champion: str) -> None:
    compared = [row for row in rows if row[MEASURE] and row[MEASURE]["value"] is not None]
    if compared:
        # What the others are held against saves nothing of its own loss.
        compared += [row for row in rows if row.get("version", "") == champion]
    compared.sort(key=lambda row: row[MEASURE]["value"] if row[MEASURE] else 0.0, reverse=True)
    for row in rows:
        row["rank"] = None
    for rank, row in enumerate(compared, 1):
        row["rank"] = rank


def _place(row: Row) -> tuple[bool, int, str]:
    shared = row[MEASURE]["n"] if row[MEASURE] else 0
    return row["rank"] is None, row["rank"] or -shared, row["version"]


def _compared_on(slot: Slot, venue: str, champion: str, least: Least, *, spoke: bool) -> str:
    if not champion:
        return "Nothing serves, so there is nothing to compare with."
    if not spoke:
        return f"{champion}, which serves, has no graded prediction in {venue} to compare with."
    loss, shared = ("squared error", "in minutes in which both answered the same ticks")
    if slot.timeframe is not None:
        loss, shared = ("log-loss", "on candles that both answered")
    return (
        f"Share of the {loss} of {champion}, which serves, that a version saves {shared}; the "
        f"baseline's is of all that {champion} said. Ranked from {least.n} shared decisions in "
        f"{least.blocks} separate stretches of time on."
    )


def _forecasters(
    venue: str, champion: str, from_ms: int | None, to_ms: int | None
) -> tuple[Ranked, int]:
    end = ranked_forecasts.newest_end(venue) if to_ms is None else to_ms
    if end is None:
        return _nothing(from_ms), 0
    begin = end - ranked_forecasts.WINDOW_MS if from_ms is None else from_ms
    spoken = ranked_forecasts.spoken_forecasters(venue, begin, end)
    names, left_out = _chosen("forecasts", champion, spoken)
    return ranked_forecasts.ranked_forecasts(venue, names, champion, begin, end), left_out


def _signallers(
    slot: Slot, venue: str, champion: str, from_ms: int | None, to_ms: int | None
) -> tuple[Ranked, int]:
    end = ranked_signals.newest_end(slot, venue) if to_ms is None else to_ms
    if end is None:
        return _nothing(from_ms), 0
    begin = end - ranked_signals.WINDOW_MS if from_ms is None else from_ms
    spoken = ranked_signals.spoken_signallers(slot, venue, begin, end)
    names, left_out = _chosen(str(slot), champion, spoken)
    return ranked_signals.ranked_signals(slot, venue, names, champion, begin, end), left_out


def _nothing(from_ms: int | None) -> Ranked:
    return Ranked((), {MEASURE: None}, from_ms, None)


def _chosen(slot: str, champion: str, spoken: Sequence[str]) -> tuple[list[str], int]:
    standing = ModelVersion.objects.filter(slot=slot, state__in=_STANDING)
    first = [champion, *standing.values_list("version", flat=True), *spoken]
    names = [name for name in dict.fromkeys(first) if name]
    return names[:MOST_VERSIONS], len(names[MOST_VERSIONS:])
