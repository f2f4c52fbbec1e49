"""`/api/accuracy`: what the predictions of one venue were worth, from the ledger alone."""

import hashlib
from typing import Any

import orjson
import redis
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response

from inference.vocabulary import FORECASTS
from predictions.accuracy.questions import TooMuchAskedError
from predictions.accuracy.report import report, said_live
from predictions.api.accuracy_queries import question, read_query
from predictions.api.errors import (
    InvalidParameterError,
    RedisUnavailableError,
    error_response,
    read_only,
)
from predictions.api.kept_answers import answers, signals_said_and_graded
from predictions.api.running_market import running_market
from predictions.api.schema.accuracy_operations import AccuracyDescription
from predictions.api.schema.describing import described_by
from predictions.api.throttling import throttled


@described_by(AccuracyDescription)
@read_only
@throttled
async def accuracy(request: HttpRequest) -> HttpResponse:
    """Answer with the record, by default of the forecasts of the running market's venue."""
    values = read_query(request.GET)
    venue, live = values["venue"], None
    if venue is None:
        try:
            market = await running_market()
        except (redis.RedisError, OSError) as error:
            raise RedisUnavailableError from error
        venue, live = market.venue, market.live
    try:
        body = await sync_to_async(_record)(values, venue, live)
    except TooMuchAskedError as error:
        raise InvalidParameterError(str(error)) from error
    except (DatabaseError, InterfaceError):
        return error_response(503, "database_unavailable", "the database does not answer")
    return _response(request, body)


def _record(values: dict[str, Any], venue: str, live: bool | None) -> bytes:
    engine, asked = values["engine"], question(values, venue)
    if live is None:
        live = said_live(engine, venue)

    def told() -> bytes:
        record = {"status": "success", "engine": engine, "live": live} | report(asked)
        return orjson.dumps(record)

    # Forecasts come every two seconds, and theirs is soon added up.
    if engine == FORECASTS:
        return told()
    return answers.answer((asked, live), signals_said_and_graded(), told)


def _response(request: HttpRequest, body: bytes) -> HttpResponse:
    etag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    conditional = get_conditional_response(request, etag=etag, response=response)
    return response if conditional is None else conditional
