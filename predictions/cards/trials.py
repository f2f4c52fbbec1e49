"""Who is on trial in each slot: until when, and how it speaks meanwhile.

Read by `predictions.cards.slots`. How long a challenger is on trial, its run says, in market time;
whom a person put on trial, nobody judges but a person. Unknown is null.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inference.artefacts.versions import Slot
from market.clock import MarketTime
from predictions.cards.figures import count_of, number_of
from predictions.models import ModelVersion, Promotion, TrainingRun
from predictions.models.retraining import Origin, RunState, VersionState

ON_TRIAL = (VersionState.SHADOW, VersionState.PREVIOUS)
"""The champion's predecessor goes on predicting, so that a rollback has something to go by."""

DAY_MS = 86_400_000
LATEST_MS = 4_102_444_800_000
"""The year 2100: a time beyond it is none."""

Told = dict[str, Any]
Voice = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Now:
    """What time it is. market: None where Redis is away."""

    wall_ms: float
    market: MarketTime | None

    def in_market(self, venue: object) -> float | None:
        """Return the time there, if that is the market that runs."""
        if self.market is None or self.market.venue != venue:
            return None
        if self.market.lock_step:
            return self.market.market_ms
        return self.market.market_at(self.wall_ms)


def told_trials(
    rows: Iterable[ModelVersion], voices: Mapping[tuple[str, str], Voice], now: Now
) -> dict[str, list[Told]]:
    """Return the versions on trial by slot; voices: what `run_shadow` says, by slot and version."""
    runs = {
        run.version_id: run
        for run in TrainingRun.objects.filter(state=RunState.ON_TRIAL).order_by("id")
    }
    told: dict[str, list[Told]] = {}
    for row in rows:
        if row.state not in ON_TRIAL:
            continue
        run = runs.get(row.pk) if row.state == VersionState.SHADOW else None
        voice = voices.get((row.slot, row.version))
        one = told_version(row) | _time(run, now) | {"voice": _voice(voice)}
        told.setdefault(row.slot, []).append(one)
    return told


def told_versions(slot: Slot, rows: Iterable[ModelVersion]) -> list[Told]:
    """Return what is known of versions of a slot, in their order.

    since is null of what was shipped and never moved: its row is made when somebody first asks,
    and it has served since its instance runs.
    """
    moved = set(Promotion.objects.filter(slot=str(slot)).values_list("version", flat=True))
    unmoved = {"since": None}
    return [
        told_version(row)
        | (unmoved if row.origin == Origin.SHIPPED and row.version not in moved else {})
        for row in rows
    ]


def told_version(row: ModelVersion) -> Told:
    """Return what a row says of its version."""
    return {
        "version": row.version,
        "state": row.state,
        "origin": row.origin,
        "since": row.since.isoformat(),
        "architecture": row.architecture,
        "digest": row.digest,
        "data_digest": row.data_digest or None,
        "venue": row.venue or None,
        "span_from": row.span_from,
        "span_to": row.span_to,
    }


def told_moment(at_ms: float | None) -> str | None:
    """Return a time in ms as text; None for what is none."""
    if at_ms is None or not 0 <= at_ms <= LATEST_MS:
        return None
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def voices_of(shadow: Mapping[str, Any]) -> dict[tuple[str, str], Voice]:
    """Return what the heartbeat of `run_shadow` says of each version."""
    listed = shadow.get("versions")
    return {
        (str(each.get("slot")), str(each.get("version"))): each
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
    }


def _time(run: TrainingRun | None, now: Now) -> Told:
    trial = None if run is None else run.metrics.get("trial")
    if run is None or not isinstance(trial, Mapping):
        return {"run": None, "market": None, "until": None, "days_left": None, "prolonged": 0}
    until = number_of(trial.get("until_ms"))
    here = now.in_market(trial.get("venue"))
    left = None if until is None or here is None else max(0.0, (until - here) / DAY_MS)
    return {
        "run": run.pk,
        "market": str(trial.get("venue", "")) or None,
        "until": told_moment(until),
        "days_left": None if left is None else round(left, 3),
        "prolonged": count_of(trial.get("prolonged")) or 0,
    }


def _voice(said: Voice | None) -> Told | None:
    if said is None:
        return None
    skipped = said.get("skipped")
    counts = skipped.values() if isinstance(skipped, Mapping) else ()
    return {
        "state": str(said.get("state", "")),
        "message": str(said.get("message", "")),
        "said": count_of(said.get("said")),
        "skipped": sum(count_of(each) or 0 for each in counts),
        "behind": count_of(said.get("behind")),
    }
