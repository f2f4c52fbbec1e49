"""`/api/models`: what is served for what, and what each model is; its card as plain text.

Nothing is run here: manifests are read, and the loops' heartbeats say what they loaded.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound

from inference.artefacts.catalogue import Catalogue, CatalogueReader
from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest_files import read_bounded
from inference.artefacts.places import network_places
from inference.config import resolve_model_path
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.accuracy.quality import decode_forecast_quality, decode_signal_quality
from predictions.api.errors import read_only
from predictions.api.redis_client import web_redis
from predictions.api.running_market import market_of
from predictions.api.schema.describing import described_by
from predictions.api.schema.model_operations import CardTextDescription, ModelsDescription
from predictions.api.throttling import throttled
from predictions.cards.report import NOTHING_TOLD, Told, card_file, models_report
from predictions.cards.slots import Said, Served, served_versions, slots_report
from predictions.cards.trials import Now
from predictions.promotion.told import DRIFT_FIELD, decode_drift
from predictions.promotion.told_watches import ROLLBACK_FIELD, decode_watches
from predictions.watching.heartbeats import answers, detail_of, told

CARD_URL = "/api/models/{}/card"


@described_by(ModelsDescription)
@read_only
@throttled
async def models(request: HttpRequest) -> HttpResponse:
    """Answer with the map, the cards, what is loaded and what is refused."""
    market, said, beside = await _said()
    document: dict[str, Any] = {
        "status": "success",
        "timestamp": timezone.now().isoformat(),
        "redis": "unavailable" if market is None else "connected",
    }
    document |= market or {"venue": None, "live": None}
    # In a thread: cards are long, and frames must not wait for them.
    report, served = await sync_to_async(_report, thread_sensitive=False)(said)
    document |= await sync_to_async(_slots)(served, beside) | report
    response = HttpResponse(orjson.dumps(document), content_type="application/json")
    response["Cache-Control"] = "no-cache"
    return response


@described_by(CardTextDescription)
@read_only
@throttled
async def card_text(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with the card's text, as it was written beside the network."""
    text = await sync_to_async(_card_text, thread_sensitive=False)(name)
    if text is None:
        raise NotFound(f"no model that is served has the id {name[:80]}, or it has no card")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _report(said: Told) -> tuple[dict[str, Any], Served]:
    catalogue = _catalogue()
    report = models_report(catalogue, said, settings.FORECAST_SYMBOLS, settings.VAR_DIR)
    for card in report["models"]:
        named = card_file(catalogue, card["id"]) is not None
        card["card"] = CARD_URL.format(card["id"]) if named else None
    return report, served_versions(catalogue)


def _slots(served: Served, said: Said) -> dict[str, Any]:
    try:
        told = slots_report(served, said)
    except (DatabaseError, InterfaceError):
        return {"database": "unavailable", "slots": None}
    return {"database": "connected", "slots": told}


def _card_text(name: str) -> bytes | None:
    path = card_file(_catalogue(), name)
    try:
        return None if path is None else read_bounded(path)
    except ArtefactError:
        return None  # it became unreadable since the catalogue was read


async def _said() -> tuple[dict[str, Any] | None, Told, Said]:
    wall_ms = time.time() * 1_000
    try:
        pipeline = web_redis().pipeline(transaction=False)
        pipeline.hgetall(keys.clock())
        for process in ("inference", "signals", "shadow"):
            pipeline.hgetall(keys.health(process))
        for engine in (FORECASTS, SIGNALS):
            pipeline.get(keys.quality(engine))
        for name in (DRIFT_FIELD, ROLLBACK_FIELD):
            pipeline.hget(keys.retraining(), name)
        clock, *beats, forecasts, signals, drift, watches = await answers(pipeline)
    except (redis.RedisError, OSError):
        return None, NOTHING_TOLD, Said(Now(wall_ms, None))
    market = market_of(clock)
    inference, signal_loop, shadow = (detail_of(told(beat or {})) for beat in beats)
    quality = decode_forecast_quality(forecasts), decode_signal_quality(signals)
    beside = Said(Now(wall_ms, market), shadow, decode_drift(drift), decode_watches(watches))
    here = {"venue": market.venue, "live": market.live}
    return here, Told(inference, signal_loop, *quality), beside


def _catalogue() -> Catalogue:
    return _reader(settings.BASE_DIR, settings.VAR_DIR, tuple(settings.SIGNAL_SYMBOLS)).read()


@cache
def _reader(base_dir: Path, var_dir: Path, symbols: tuple[str, ...]) -> CatalogueReader:
    configured = resolve_model_path(settings.INFERENCE.model.path, base_dir)
    return CatalogueReader(
        places=lambda: network_places(configured, base_dir, var_dir),
        roots=(var_dir / "models", base_dir / "models"),
        keys=[(symbol, timeframe) for symbol in symbols for timeframe in SIGNAL_TIMEFRAMES],
        conversions=var_dir / "converted",
    )
