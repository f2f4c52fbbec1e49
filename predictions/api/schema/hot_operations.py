"""`/predict`, `/health` and `/metrics` in the document."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import Reason, Source
from predictions.api.schema.refusals import refusals

Shape = serializers.Serializer[dict[str, Any]]

EXAMPLE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "timestamp": 1723161640000,
    "current_price": 61661.67,
    "predicted_price": 61661.54600786258,
    "prediction_horizon_seconds": 10,
    "confidence": 0.8,
    "model_version": "v1.1.0-b536427f",
    "features_age_ms": 30.953857421875,
    "inference_latency_ms": 1.735,
    "source": "redis",
    "mid_price": 61661.505,
    "lower": 61620.36746191742,
    "upper": 61698.90785773092,
    "p_up": 0.46188125014305115,
    "reason": "",
    "venue": "replay/binance-spot-btcusdt/1",
    "live": False,
    "target_ts": 1723161650000,
}


def _number(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


class PredictionResultSerializer(Shape):
    """The newest forecast of one symbol; unknown is null."""

    symbol = serializers.CharField(help_text="As stored: BTCUSDT.")
    timestamp = serializers.IntegerField(help_text="When it was made: market time, ms.")
    current_price = _number("The last trade, in quote currency.")
    predicted_price = _number("The mid at `target_ts`, in quote currency.")
    prediction_horizon_seconds = serializers.FloatField(help_text="How far ahead.")
    confidence = _number("How good the data are, 0 to 1; not the chance of being right.")
    model_version = serializers.CharField(allow_blank=True)
    features_age_ms = _number("Age of the features at the tick.")
    inference_latency_ms = _number("From the tick's begin to its forecast.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # Serializer has one, too
        [each.value for each in Source], help_text="The model, or which fallback."
    )
    mid_price = _number("The mid at the decision, in quote currency.")
    lower = _number("Lower end of the 90 % interval, in quote currency.")
    upper = _number("Upper end of the 90 % interval, in quote currency.")
    p_up = _number("Chance that the mid rises, 0 to 1.")
    reason = serializers.ChoiceField(
        [each.value for each in Reason], help_text='Why a fallback spoke; "" otherwise.'
    )
    venue = serializers.CharField(allow_blank=True, help_text="Which market.")
    live = serializers.BooleanField(help_text="Whether it is a real one, running now.")
    target_ts = serializers.IntegerField(help_text="When it comes true: market time, ms.")


class StoreSerializer(Shape):
    """Redis or the database, as the web process reaches it."""

    status = serializers.ChoiceField(["connected", "unavailable"])
    latency_ms = serializers.FloatField(required=False, help_text="Of one question.")
    error = serializers.CharField(required=False, help_text="Kind of the failure.")


class ProcessSerializer(Shape):
    """What a process last said of itself; `down` where it is silent."""

    status = serializers.CharField()
    pid = serializers.IntegerField(required=False, allow_null=True)
    ts = serializers.IntegerField(required=False, allow_null=True, help_text="UTC, ms.")
    age_ms = serializers.IntegerField(required=False, allow_null=True)
    detail = serializers.JSONField(required=False, allow_null=True, help_text="Its own account.")


class HealthSerializer(Shape):
    """The whole instance, as the web process sees it."""

    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    service = serializers.CharField()
    venue = serializers.CharField(allow_null=True, help_text="Of the running market.")
    live = serializers.BooleanField(allow_null=True, help_text="Whether it is a real one.")
    redis = StoreSerializer()
    database = StoreSerializer()
    processes = serializers.DictField(child=ProcessSerializer())


class PredictDescription(APIView):
    @extend_schema(
        operation_id="predict",
        summary="The newest 10-second forecast",
        parameters=[
            OpenApiParameter("symbol", str, description="Default: the first of FORECAST_SYMBOLS.")
        ],
        responses={
            200: OpenApiResponse(
                PredictionResultSerializer,
                "The forecast.",
                [OpenApiExample("Of the model", EXAMPLE, response_only=True)],
            )
        }
        | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError


class HealthDescription(APIView):
    refused_with = ()

    @extend_schema(
        operation_id="health",
        summary="How the instance is",
        description="Needs no token and is not throttled.",
        auth=[],
        responses={
            200: OpenApiResponse(HealthSerializer, "It serves, perhaps degraded."),
            503: OpenApiResponse(HealthSerializer, "Redis is away."),
        },
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError


class MetricsDescription(APIView):
    refused_with = (401,)

    @extend_schema(
        operation_id="metrics",
        summary="Metrics of the web process, for Prometheus",
        description="Not throttled.",
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
