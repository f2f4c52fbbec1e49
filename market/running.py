"""Keeps a market running: opens the feed once Redis answers, pumps it, starts it anew."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from market import keys
from market.candles.desk import CandleDesk, CandlePlan
from market.candles.old_runs import remove_old_runs
from market.feeds.opening import MarketChoice, open_feed
from market.outage_beat import OutageBeat
from market.pump import Pump
from market.recording.recorder import RecordingPlan
from market.redis_cluster import AWAY, AnyClient, connect
from market.redis_policy import require_noeviction

RETRY_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""Of Redis. The cells of a live market wait meanwhile, and no longer than 30 s."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """All that the market process needs to know."""

    choice: MarketChoice
    candles: CandlePlan
    redis_url: str
    cluster: bool
    tick_ms: int
    recording: RecordingPlan | None = None


def run_market(plan: MarketPlan, stopping: Callable[[], bool], *, once: bool) -> None:
    """Run until told to stop, or until the feed's end where `once`.

    Raises FeedError or EvictionPolicyError where a person must act first.
    """
    client: AnyClient | None = None
    while not stopping():
        try:
            client = client or connect(
                plan.redis_url,
                cluster=plan.cluster,
                decode_responses=True,
                socket_timeout=ANSWER_SECONDS,
            )
            require_noeviction(client)
            next_run = partial(client.incr, keys.replay_runs())
            waiting = OutageBeat(client, plan.choice, stopping)
            opened = open_feed(plan.choice, time.time_ns() // 1_000_000, next_run, waiting)
        except AWAY as error:
            log.warning("waiting_for_redis", error=str(error))
            time.sleep(RETRY_SECONDS)
            continue
        if opened is None:
            return
        remove_old_runs(plan.candles.root, opened.venue)
        desk = CandleDesk(opened, client, plan.candles)
        if plan.recording is not None:
            remove_old_runs(plan.recording.root, opened.venue, plan.choice.replay)
        Pump(
            opened,
            client,
            stopping,
            tick_ms=plan.tick_ms,
            candles=desk,
            recording=plan.recording,
        ).run()
        if once:
            return
