"""`/api/tradeable` in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import ENGINES
from predictions.accuracy.tradeable import Refusal
from predictions.api.schema.refusals import refusals
from predictions.api.schema.signal_operations import SYMBOL
from predictions.api.schema.signal_shapes import TIMEFRAMES

Shape = serializers.Serializer[dict[str, Any]]
REASONS = [each.value for each in Refusal]


class CheckSerializer(Shape):
    """One condition."""

    name = serializers.CharField()
    value = serializers.JSONField(allow_null=True, help_text="What was found; null: unknown.")
    limit = serializers.JSONField(allow_null=True, help_text="What is allowed.")
    reason = serializers.ChoiceField(REASONS, allow_blank=True, help_text="Why it fails.")
    ok = serializers.BooleanField()


class TradeableSerializer(Shape):
    """Whether every check holds."""

    status = serializers.ChoiceField(["success"])
    timestamp = serializers.DateTimeField(help_text="UTC now.")
    symbol = serializers.CharField()
    engine = serializers.ChoiceField(list(ENGINES))
    timeframe = serializers.ChoiceField(TIMEFRAMES, allow_null=True)
    tradeable = serializers.BooleanField(help_text="True only where every check is ok.")
    reasons = serializers.ListField(child=serializers.ChoiceField(REASONS))
    checks = CheckSerializer(many=True)
    venue = serializers.CharField()
    live = serializers.BooleanField()


class TradeableDescription(APIView):
    @extend_schema(
        operation_id="tradeable",
        summary="Whether a bot may act on what is said now",
        description="Fails closed: what cannot be read or is not measured makes it false.",
        parameters=[
            SYMBOL,
            OpenApiParameter(
                "timeframe",
                str,
                description="Of the signal. Without it: of the 10-second forecast.",
                enum=TIMEFRAMES,
            ),
        ],
        responses={200: OpenApiResponse(TradeableSerializer, "The checks.")} | refusals(400, 404),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
