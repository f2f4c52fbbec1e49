"""`/api/models` in the document."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import ENGINES, Role
from predictions.api.schema.refusals import refusals
from predictions.api.schema.retraining_shapes import ModelSlotSerializer, RetrainingSerializer
from predictions.api.schema.signal_shapes import TIMEFRAMES
from predictions.cards.figures import VERDICTS

Shape = serializers.Serializer[dict[str, Any]]
ROLES = [Role.CHAMPION.value, Role.BASELINE.value]


class VerdictSerializer(Shape):
    """One figure of what is served, against its baseline."""

    figure = serializers.CharField()
    title = serializers.CharField()
    against = serializers.CharField()
    verdict = serializers.ChoiceField(
        list(VERDICTS),
        allow_null=True,
        help_text="beats: its 95 % interval lies beyond the baseline in every part of the "
        "protocol; worse: before it in one; null: not measured.",
    )


class CardSerializer(Shape):
    """One model, as its manifest tells; null where it says nothing."""

    id = serializers.CharField(
        help_text="The first 16 digits of `digest`; and a number where two share it."
    )
    engine = serializers.ChoiceField(list(ENGINES))
    timeframe = serializers.ChoiceField(TIMEFRAMES, allow_null=True)
    version = serializers.CharField()
    role = serializers.ChoiceField(ROLES)
    architecture = serializers.CharField(allow_null=True)
    digest = serializers.CharField(help_text="SHA-256 of the network.")
    path = serializers.CharField()
    own = serializers.BooleanField()
    promoted = serializers.BooleanField()
    loaded = serializers.BooleanField(
        allow_null=True, help_text="Whether the loop says that it runs it; null: it says nothing."
    )
    serves = serializers.ListField(child=serializers.CharField())
    horizon_seconds = serializers.FloatField(allow_null=True)
    horizon_candles = serializers.IntegerField(allow_null=True)
    barrier_atr = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    accuracy = serializers.FloatField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a Field has one
    created_at = serializers.DateTimeField(allow_null=True)
    conclusion = serializers.CharField(allow_null=True)
    training = serializers.DictField(allow_null=True, help_text="Span, rows, symbols, digest.")
    files = serializers.ListField(child=serializers.DictField(), help_text="name, sha256")
    columns = serializers.ListField(
        child=serializers.DictField(), help_text="The figures below, and each one's baseline."
    )
    metrics = serializers.ListField(
        child=serializers.DictField(),
        help_text="Each part of the protocol with a row a model, baselines included.",
    )
    verdicts = VerdictSerializer(many=True)
    gate = serializers.DictField(allow_null=True, help_text="Whether the network was let in.")
    calibration = serializers.DictField(allow_null=True)
    leak_alarms = serializers.ListField(child=serializers.CharField(), allow_null=True)
    card = serializers.CharField(allow_null=True, help_text="Address of its card's text.")
    live_record = serializers.DictField(
        help_text="Graded predictions of the running venue: rows with n and figures, null where "
        "too few; `reason` where there are none."
    )


class RefusedSerializer(Shape):
    """A file that is not served."""

    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    by = serializers.ChoiceField(["inference", "signals", "files"], help_text="Who says so.")


class ModelsSerializer(Shape):
    """What is served for what."""

    status = serializers.ChoiceField(["success"])
    timestamp = serializers.DateTimeField()
    redis = serializers.ChoiceField(["connected", "unavailable"])
    venue = serializers.CharField(allow_null=True)
    live = serializers.BooleanField(allow_null=True)
    database = serializers.ChoiceField(["connected", "unavailable"])
    retraining = RetrainingSerializer()
    slots = ModelSlotSerializer(
        many=True, allow_null=True, help_text="null while the database is away."
    )
    forecasts = serializers.DictField(help_text="symbols, model (a card's id), loaded.")
    signals = serializers.DictField(help_text="map: a slot a coin and timeframe; loaded.")
    models = CardSerializer(many=True)
    refused = RefusedSerializer(many=True)


class ModelsDescription(APIView):
    @extend_schema(
        operation_id="models",
        summary="What is served for what",
        description="From manifests and the loops' heartbeats. While Redis is away the files "
        "alone are told: `loaded` is null and no live record is known. `slots` say who serves, "
        "who is on trial and how the newest training run stands, from the database.",
        responses={200: OpenApiResponse(ModelsSerializer, "The models.")},
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError


class CardTextDescription(APIView):
    @extend_schema(
        operation_id="model_card",
        summary="A model's card as plain text",
        parameters=[
            OpenApiParameter("name", str, OpenApiParameter.PATH, description="The card's `id`.")
        ],
        responses={(200, "text/plain"): OpenApiTypes.STR} | refusals(404),
    )
    def get(self, request: Request, name: str) -> Response:
        raise NotImplementedError
