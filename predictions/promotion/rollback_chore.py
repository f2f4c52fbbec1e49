"""Rolls back a champion that is shown to lose: part of what the recorder's process does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import redis
import structlog

from inference.artefacts.errors import ArtefactError
from inference.artefacts.versions import UnknownVersionError
from market import keys
from market.clock import LIVE_TIME, MarketTime
from predictions.models import Promotion, RollbackWatch
from predictions.models.retraining import Action
from predictions.moments import milliseconds, moment
from predictions.promotion.e_process import THRESHOLD
from predictions.promotion.errors import (
    FrozenError,
    NothingBeforeError,
    OtherServesError,
    StandingError,
)
from predictions.promotion.reigns import Reign, reigns
from predictions.promotion.rollback_watch import Watch
from predictions.promotion.standing import Automatic, roll_back
from predictions.promotion.told_watches import (
    ROLLBACK_FIELD,
    RolledBack,
    Standing,
    WatchesTold,
    WatchTold,
    encode_watches,
)

EVERY_SECONDS = 60.0
PIECE_SECONDS = 0.2
"""A run begins no further piece of the ledger after so long: recording comes first."""
TOLD_FOR = timedelta(days=1)
"""How long a rollback is told of in Redis, and so an alert."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RollbackChore:
    """Watches every champion of the market that runs, some pieces of the ledger a run.

    horizon_ms: of forecasts, as configured.
    """

    client: redis.Redis
    market_time: Callable[[], MarketTime | None]
    var_dir: Path
    horizon_ms: int
    every_seconds: float = EVERY_SECONDS
    name: str = "rollback"
    clock: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns
    _looking: Iterator[None] | None = field(init=False, default=None)
    _told: list[WatchTold] = field(init=False, default_factory=list)

    def run(self) -> bool:
        """Count some of what is new, and act on it; return whether more is to be counted."""
        until = self.clock() + PIECE_SECONDS
        # Where the database goes away nothing is kept: the look begins anew.
        looking, self._looking = self._looking or self._look(), None
        for _ in looking:
            if self.clock() >= until:
                self._looking = looking
                return True
        return False

    def detail(self) -> dict[str, Any]:
        """Return how many champions are watched, and which of them lose."""
        losing = [told.slot for told in self._told if told.highest >= THRESHOLD]
        return {"watched": len(self._told), "losing": losing}

    def _look(self) -> Iterator[None]:
        market = self.market_time() or LIVE_TIME
        told: list[WatchTold] = []
        for reign in reigns(self.var_dir, market):
            watch = Watch(reign, market, self.horizon_ms)
            for _ in watch.count():
                yield
            row = watch.row()
            if row is None:
                continue
            standing, problem = _act(reign, row) if row.highest >= THRESHOLD else _WATCHING
            if standing is not None:
                told.append(_told(row, standing, problem))
            yield
        self._told = told
        self._tell(market)

    def _tell(self, market: MarketTime) -> None:
        told = WatchesTold(
            venue=market.venue,
            live=market.live,
            made_ms=self.wall_ns() // 1_000_000,
            watches=tuple(self._told),
            rolled_back=tuple(_rolled_back(self.wall_ns() // 1_000_000)),
        )
        pipeline: Any = self.client.pipeline(transaction=False)
        pipeline.hset(keys.retraining(), ROLLBACK_FIELD, encode_watches(told))
        pipeline.expire(keys.retraining(), keys.RETRAINING_SECONDS)
        pipeline.execute()


_WATCHING: tuple[Standing | None, str] = (Standing.WATCHING, "")


def _act(reign: Reign, row: RollbackWatch) -> tuple[Standing | None, str]:
    # None: it serves no more.
    why = (
        f"it loses to {row.rival} in {row.venue}: {row.difference:+.4f} more loss a decision, "
        f"evidence {row.highest:.0f} to 1 after {row.decisions} decisions"
    )
    figures = {
        "rival": row.rival,
        "venue": row.venue,
        "e_value": row.highest,
        "threshold": THRESHOLD,
        "difference": row.difference,
        "blocks": row.blocks,
        "decisions": row.decisions,
        "through_ms": row.through_ms,
    }
    try:
        roll_back(
            reign.slot,
            by=Automatic.ROLLBACK_WATCH,
            why=why,
            figures=figures,
            serving=reign.version,
        )
    except OtherServesError:
        return None, ""  # another recorder was faster, or a person
    except FrozenError as error:
        return Standing.FROZEN, str(error)
    except NothingBeforeError as error:
        return Standing.NOTHING_BEFORE, str(error)
    except (StandingError, UnknownVersionError, ArtefactError) as error:
        log.error("not_rolled_back", slot=row.slot, version=row.version, error=str(error))
        return Standing.REFUSED, str(error)
    log.warning("rolled_back", slot=row.slot, version=row.version, why=why)
    return None, ""


def _told(row: RollbackWatch, standing: Standing, problem: str) -> WatchTold:
    return WatchTold(
        slot=row.slot,
        version=row.version,
        rival=row.rival,
        e_value=row.e_value,
        highest=row.highest,
        threshold=THRESHOLD,
        difference=row.difference,
        blocks=row.blocks,
        decisions=row.decisions,
        through_ms=row.through_ms,
        standing=standing,
        problem=problem,
    )


def _rolled_back(now_ms: int) -> Iterator[RolledBack]:
    since = moment(now_ms) - TOLD_FOR
    rows = Promotion.objects.filter(
        action=Action.ROLLBACK, by=Automatic.ROLLBACK_WATCH.value, done_at__gte=since
    )
    for row in rows.order_by("id"):
        yield RolledBack(
            slot=row.slot,
            version=row.before,
            to=row.version,
            why=row.why,
            at_ms=milliseconds(row.done_at),
        )
