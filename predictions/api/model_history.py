"""`/api/models/history` and `/api/models/runs/ID`: what was tried, judged and done to a slot."""

from django.http import QueryDict
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.artefacts.versions import SLOTS, Slot, UnknownSlotError, parse_slot
from predictions.api.errors import InvalidParameterError
from predictions.api.schema.refusals import refusals
from predictions.api.schema.retraining_shapes import (
    SLOT,
    HistorySerializer,
    RunReportSerializer,
)
from predictions.api.signal_queries import refuse_others
from predictions.cards.history import run_report, slot_history

READING = ["get", "head", "options"]


class ModelHistory(APIView):
    http_method_names = READING

    @extend_schema(
        operation_id="model_history",
        summary="How a slot's versions were judged, and what was done",
        description="Versions, verdicts with every criterion, runs, promotions and the newest "
        "drift readings, the newest first.",
        parameters=[SLOT],
        responses={200: OpenApiResponse(HistorySerializer, "The history.")} | refusals(400, 503),
    )
    def get(self, request: Request) -> Response:
        refuse_others(request.query_params, ("slot",))
        slot = asked_slot(request.query_params)
        return Response({"status": "success"} | slot_history(slot))


class ModelRun(APIView):
    http_method_names = READING

    @extend_schema(
        operation_id="model_run",
        summary="One training run with all that it tried",
        responses={200: OpenApiResponse(RunReportSerializer, "The run.")} | refusals(404, 503),
    )
    def get(self, request: Request, pk: int) -> Response:
        report = run_report(pk)
        if report is None:
            raise NotFound(f"there is no training run {pk}")
        return Response({"status": "success"} | report)


def asked_slot(query: QueryDict) -> Slot:
    """Return `slot=`, which must be given. Raises InvalidParameterError naming what is allowed."""
    allowed = f"allowed are {', '.join(map(str, SLOTS))}"
    asked = query.get("slot")
    if asked is None:
        raise InvalidParameterError(f"slot: is not given; {allowed}")
    try:
        return parse_slot(asked)
    except UnknownSlotError as error:
        raise InvalidParameterError(f"slot: {error}") from error
