"""A challenger's time on trial: since when, until when, in whose market, and whether it is over.

Free of training's libraries: the schedule asks which runs there are to go on with.
"""

from datetime import timedelta
from typing import Any, Self

import msgspec
from django.conf import settings
from django.utils import timezone

from inference.artefacts.versions import Slot, parse_slot
from inference.vocabulary import FORECASTS
from market.clock import MADE_UP, MarketTime
from market.exchanges import is_exchange
from predictions.models.retraining import RunState, RunStep, TrainingRun, VersionState
from predictions.promotion.standing import is_frozen, is_pinned
from training.pipeline.market_now import market_now_ms, running_market

DAY_MS = 86_400_000
MOST_PROLONGED = 2
PATIENCE = 3
"""A trial whose market is gone for so many times its length is given up."""


class TrialTime(msgspec.Struct, frozen=True, kw_only=True):
    """When and where a challenger is on trial, market time in ms; kept in its run's metrics."""

    venue: str
    from_ms: int
    until_ms: int
    days: float
    prolonged: int = 0

    @classmethod
    def beginning(cls, slot: Slot, market: MarketTime) -> Self:
        """Return a trial that begins now, in the market that runs."""
        days = (
            settings.SHADOW_DAYS_FORECASTS
            if slot.engine == FORECASTS
            else settings.SHADOW_DAYS_SIGNALS
        )
        now = round(market_now_ms(market))
        return cls(venue=market.venue, from_ms=now, until_ms=now + round(days * DAY_MS), days=days)

    @classmethod
    def of(cls, row: TrainingRun) -> Self | None:
        """Read it from a run; None where the run has none."""
        record = row.metrics.get("trial")
        return None if record is None else msgspec.convert(record, cls)

    def to_record(self) -> dict[str, Any]:
        """Return plain values, as a run's metrics keep them."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return record

    def longer(self) -> "TrialTime":
        """Return the trial with as much time again."""
        return msgspec.structs.replace(
            self,
            until_ms=self.until_ms + round(self.days * DAY_MS),
            prolonged=self.prolonged + 1,
        )


def may_be_tried(learned: str, market: MarketTime) -> bool:
    """Say whether what was learned in a venue may be on trial in the running market.

    Real markets are real markets, whichever exchange's; what was learned from a simulated or a
    replayed one may be tried in that one alone. "": nobody knows, and a person named it.
    """
    if not learned or learned == market.venue:
        return True
    if is_exchange(learned) and not learned.startswith(MADE_UP):
        return market.live
    return _without_run(learned) == _without_run(market.venue) and not market.live


def is_due(row: TrainingRun, market: MarketTime | None) -> bool:
    """Say whether a run on trial is to be decided, or given up."""
    trial = TrialTime.of(row)
    if trial is None or row.version is None:
        return True
    if row.version.state != VersionState.SHADOW:
        return True  # somebody took it off the trial, or promoted it
    if row.step == RunStep.PROMOTION:
        slot = parse_slot(row.slot)
        return not (is_frozen(slot) or is_pinned(slot))
    if market is not None and market.venue == trial.venue:
        return market_now_ms(market) >= trial.until_ms
    return is_abandoned(row, trial)


def is_abandoned(row: TrainingRun, trial: TrialTime) -> bool:
    """Say whether the trial's market has been gone for so long that nobody waits any more."""
    waited = timezone.now() - row.worked_at
    return waited > timedelta(days=PATIENCE * trial.days)


def unfinished() -> list[TrainingRun]:
    """Return the runs that somebody should go on with, the oldest first."""
    market = running_market()
    rows = TrainingRun.objects.select_related("version").order_by("started_at", "id")
    broken_off = rows.filter(state=RunState.RUNNING)
    if market is None:
        broken_off = broken_off.exclude(step=RunStep.SHADOW)  # it needs one to be on trial in
    on_trial = rows.filter(state=RunState.ON_TRIAL)
    return [*broken_off, *(row for row in on_trial if is_due(row, market))]


def _without_run(venue: str) -> str:
    # Each run of a replay that is not in UTC has a number of its own: `replay/name/3`.
    name, _, number = venue.rpartition("/")
    return name if name and number.isdigit() else venue
