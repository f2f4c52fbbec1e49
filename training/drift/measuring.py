"""One round of `manage.py measure_drift`: every slot of the running market, told and stored."""

from collections.abc import Iterable
from datetime import datetime

import redis
from django.utils import timezone

from inference.artefacts.versions import Slot
from market import keys
from market.clock import LIVE_TIME
from predictions.promotion.standing import champion_version
from predictions.promotion.told import DRIFT_FIELD, DriftTold, SlotDrift, decode_drift, encode_drift
from predictions.running_market import market_time
from training.drift.features import feature_drift
from training.drift.outcomes import outcome_drift
from training.drift.readings import prune_readings, store_readings


def measure(client: redis.Redis, slots: Iterable[Slot], now: datetime | None = None) -> DriftTold:
    """Measure the slots in the running market, store the rows and tell Redis.

    Slots that are not asked for stay in Redis as they were told last of the same market.
    Raises redis.RedisError and django.db.DatabaseError.
    """
    now = now or timezone.now()
    market = market_time(client) or LIVE_TIME
    found = [_measured(slot, market.venue, market.live, now) for slot in slots]
    prune_readings(now)
    told = DriftTold(
        venue=market.venue,
        live=market.live,
        made_ms=int(now.timestamp() * 1000),
        slots=tuple(found),
    )
    _tell(client, told)
    return told


def _measured(slot: Slot, venue: str, live: bool, now: datetime) -> SlotDrift:
    version = champion_version(slot)
    if not version:
        return SlotDrift(slot=str(slot), version="", problem="no model serves it")
    inputs = feature_drift(slot, venue, live, version)
    if not inputs.figures:
        return SlotDrift(slot=str(slot), version=version, problem=f"nothing was said in {venue}")
    outcomes = outcome_drift(slot, venue, version)
    drift = SlotDrift(slot=str(slot), version=version, figures=(*outcomes, *inputs.figures))
    store_readings(venue, drift, inputs, now)
    return drift


def _tell(client: redis.Redis, told: DriftTold) -> None:
    before = decode_drift(client.hget(keys.retraining(), DRIFT_FIELD))
    if before is not None and (before.venue, before.live) == (told.venue, told.live):
        measured = {each.slot for each in told.slots}
        others = tuple(each for each in before.slots if each.slot not in measured)
        told = DriftTold(
            venue=told.venue, live=told.live, made_ms=told.made_ms, slots=(*told.slots, *others)
        )
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hset(keys.retraining(), DRIFT_FIELD, encode_drift(told))
        pipeline.expire(keys.retraining(), keys.RETRAINING_SECONDS)
        pipeline.execute()
