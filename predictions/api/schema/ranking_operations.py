"""`/api/models/ranking` in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from predictions.api.schema.accuracy_operations import FigureSerializer
from predictions.api.schema.refusals import refusals
from predictions.api.schema.retraining_shapes import SLOT, SLOT_NAMES
from predictions.models.retraining import VersionState

Shape = serializers.Serializer[dict[str, Any]]


class RankedSerializer(Shape):
    """One version's own figures, and how it stands beside the champion."""

    version = serializers.CharField()
    state = serializers.ChoiceField(
        VersionState.values, allow_null=True, help_text="null: it was never registered."
    )
    n = serializers.IntegerField(help_text="Graded predictions of its own.")
    r2 = FigureSerializer(required=False, help_text="Of forecasts.")
    mae_ratio = FigureSerializer(required=False, help_text="Of forecasts, to no change.")
    coverage = FigureSerializer(required=False, help_text="Of forecasts.")
    log_loss_skill = FigureSerializer(help_text="Against the class shares.")
    hit_rate = FigureSerializer()
    accuracy = FigureSerializer(required=False, help_text="Of signals.")
    against_champion = FigureSerializer(
        allow_null=True,
        help_text="Share of the champion's loss that it saves, on decisions that both answered; "
        "null: of the champion, or where there is none.",
    )


class RankingSerializer(Shape):
    """Versions the best first; looked at as often as one likes, it decides nothing."""

    status = serializers.ChoiceField(["success"])
    slot = serializers.ChoiceField(SLOT_NAMES)
    venue = serializers.CharField()
    live = serializers.BooleanField(allow_null=True, help_text="null: nothing was said there.")
    champion = serializers.CharField(allow_blank=True, help_text="What serves now.")
    from_ms = serializers.IntegerField(allow_null=True, help_text="Market time.")
    to_ms = serializers.IntegerField(allow_null=True)
    measure = serializers.ChoiceField(["r2", "log_loss_skill"], help_text="What ranks them.")
    versions = RankedSerializer(many=True)
    baselines = serializers.ListField(
        child=serializers.DictField(), help_text="`name`, and its figures by definition."
    )


class RankingDescription(APIView):
    @extend_schema(
        operation_id="model_ranking",
        summary="A slot's versions on one ledger",
        description="Those that serve, served, or are on trial, each with its own figures over "
        "the last week of forecasts or year of signals. Kept a minute.",
        parameters=[
            SLOT,
            OpenApiParameter("venue", str, description="Default: the running market's."),
        ],
        responses={200: OpenApiResponse(RankingSerializer, "The ranking.")} | refusals(400, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
