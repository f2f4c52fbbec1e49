"""`/api/models/ranking`: a slot's versions on one market's ledger, beside the baselines.

Apart from the rest, since adding up a week of forecasts takes a while: an answer is kept a minute.
"""

import threading
import time

import orjson
import redis
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from inference.artefacts.versions import Slot
from predictions.accuracy.questions import TooMuchAskedError
from predictions.accuracy.report import said_live
from predictions.api.errors import (
    InvalidParameterError,
    RedisUnavailableError,
    error_response,
    read_only,
)
from predictions.api.kept_answers import KeptAnswers
from predictions.api.model_catalogue import model_catalogue
from predictions.api.model_history import asked_slot
from predictions.api.running_market import running_market
from predictions.api.schema.describing import described_by
from predictions.api.schema.ranking_operations import RankingDescription
from predictions.api.signal_queries import refuse_others
from predictions.api.throttling import throttled
from predictions.cards.rankings import told_ranking
from predictions.cards.slots import served_versions

LONGEST_VENUE = 96
KEPT_SECONDS = 60

kept = KeptAnswers()
_making = threading.Lock()
"""One at a time: of 500 symbols it takes seconds, and who waits gets what the other made."""


@described_by(RankingDescription)
@read_only
@throttled
async def model_ranking(request: HttpRequest) -> HttpResponse:
    """Answer with the ranking, by default in the running market's venue."""
    refuse_others(request.GET, ("slot", "venue"))
    slot, venue = asked_slot(request.GET), request.GET.get("venue", "")
    if len(venue) > LONGEST_VENUE:
        raise InvalidParameterError(f"venue: has {len(venue)} characters; {LONGEST_VENUE} at most")
    live = None
    if not venue:
        try:
            market = await running_market()
        except (redis.RedisError, OSError) as error:
            raise RedisUnavailableError from error
        venue, live = market.venue, market.live
    try:
        body = await sync_to_async(_ranking)(slot, venue, live)
    except TooMuchAskedError as error:
        raise InvalidParameterError(str(error)) from error
    except (DatabaseError, InterfaceError):
        return error_response(503, "database_unavailable", "the database does not answer")
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "no-cache"
    return response


def _ranking(slot: Slot, venue: str, live: bool | None) -> bytes:
    champion, _ = served_versions(model_catalogue()).get(str(slot), ("", False))
    claimed = said_live(slot.engine, venue)

    def made() -> bytes:
        told = told_ranking(slot, venue, champion)
        named = claimed if live is None else live
        return orjson.dumps({"status": "success", "live": named} | told)

    # What was nothing at all is asked again as soon as something was said.
    state = (time.time() // KEPT_SECONDS, claimed)
    with _making:
        return kept.answer((slot, venue, champion, live), state, made)
