"""`/api/models`: what is served for what, and what each model is; its card as plain text.

Nothing is run here: manifests are read, and the loops' heartbeats say what they loaded.
"""

import asyncio
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound

from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest_files import read_bounded
from predictions.api.errors import read_only
from predictions.api.health import DATABASE_SECONDS
from predictions.api.model_catalogue import model_catalogue
from predictions.api.said_of_models import said_of_models
from predictions.api.schema.describing import described_by
from predictions.api.schema.model_operations import CardTextDescription, ModelsDescription
from predictions.api.throttling import throttled
from predictions.cards.report import Told, card_file, models_report
from predictions.cards.slots import Said, Served, served_versions, slots_report

CARD_URL = "/api/models/{}/card"


@described_by(ModelsDescription)
@read_only
@throttled
async def models(request: HttpRequest) -> HttpResponse:
    """Answer with the map, the cards, what is loaded and what is refused."""
    said = await said_of_models()
    # In a thread: cards are long, and frames must not wait for them.
    report, served = await sync_to_async(_report, thread_sensitive=False)(said.files)
    slots = await _slots(served, said.slots)
    document: dict[str, Any] = {"status": "success", "timestamp": timezone.now().isoformat()}
    document |= said.document | slots | report
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
    catalogue = model_catalogue()
    report = models_report(catalogue, said, settings.FORECAST_SYMBOLS, settings.VAR_DIR)
    for card in report["models"]:
        named = card_file(catalogue, card["id"]) is not None
        card["card"] = CARD_URL.format(card["id"]) if named else None
    return report, served_versions(catalogue)


async def _slots(served: Served, said: Said) -> dict[str, Any]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            told = await sync_to_async(slots_report)(served, said)
    except (DatabaseError, InterfaceError, TimeoutError):
        return {"database": "unavailable", "slots": None}
    return {"database": "connected", "slots": told}


def _card_text(name: str) -> bytes | None:
    path = card_file(model_catalogue(), name)
    try:
        return None if path is None else read_bounded(path)
    except ArtefactError:
        return None  # it became unreadable since the catalogue was read
