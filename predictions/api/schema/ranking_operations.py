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
from predictions.promotion.ranking import MEASURE

Shape = serializers.Serializer[dict[str, Any]]
OWN = "Of its own predictions, so of other hours than another version's: it ranks nobody."


def _rank() -> serializers.IntegerField:
    return serializers.IntegerField(
        allow_null=True, help_text="1 is best; null: too early to rank."
    )


def _against_champion(more: str) -> FigureSerializer:
    return FigureSerializer(
        allow_null=True,
        help_text="Share of the champion's loss that it saves, on decisions that both answered. "
        + more,
    )


class RankedSerializer(Shape):
    """One version: how it stands beside the champion, and its own figures."""

    version = serializers.CharField()
    state = serializers.ChoiceField(
        VersionState.values, allow_null=True, help_text="null: it was never registered."
    )
    rank = _rank()
    against_champion = _against_champion(
        "null: of the champion, or where that said nothing in this venue."
    )
    n = serializers.IntegerField(help_text="Graded predictions of its own.")
    r2 = FigureSerializer(required=False, help_text=f"Of forecasts. {OWN}")
    mae_ratio = FigureSerializer(required=False, help_text=f"Of forecasts, to no change. {OWN}")
    coverage = FigureSerializer(required=False, help_text=f"Of forecasts. {OWN}")
    log_loss_skill = FigureSerializer(help_text=f"Against the class shares. {OWN}")
    hit_rate = FigureSerializer(help_text=OWN)
    accuracy = FigureSerializer(required=False, help_text=f"Of signals. {OWN}")


class RankedBaselineSerializer(Shape):
    """What every model has to beat: that the price stays, or that classes come as they do."""

    name = serializers.CharField()
    rank = _rank()
    against_champion = _against_champion("Here on all that the champion said.")
    r2 = serializers.FloatField(required=False, help_text="By definition.")
    mae_ratio = serializers.FloatField(required=False, help_text="By definition.")
    log_loss_skill = serializers.FloatField(required=False, help_text="By definition.")


class LeastSerializer(Shape):
    """What a comparison needs before it is told."""

    n = serializers.IntegerField(help_text="Shared decisions.")
    blocks = serializers.IntegerField(help_text="Separate stretches of time that they lie in.")


class RankingSerializer(Shape):
    """Versions the best first; looked at as often as one likes, it decides nothing."""

    status = serializers.ChoiceField(["success"])
    slot = serializers.ChoiceField(SLOT_NAMES)
    venue = serializers.CharField()
    live = serializers.BooleanField(allow_null=True, help_text="null: nothing was said there.")
    champion = serializers.CharField(allow_blank=True, help_text="What serves now.")
    from_ms = serializers.IntegerField(allow_null=True, help_text="Market time.")
    to_ms = serializers.IntegerField(allow_null=True)
    measure = serializers.ChoiceField([MEASURE], help_text="The figure that ranks them.")
    compared_on = serializers.CharField(help_text="What the order rests on, in words.")
    least = LeastSerializer()
    versions = RankedSerializer(many=True)
    baselines = RankedBaselineSerializer(many=True)
    left_out = serializers.IntegerField(help_text="Versions that were not looked at: too many.")


class RankingDescription(APIView):
    @extend_schema(
        operation_id="model_ranking",
        summary="A slot's versions on one ledger",
        description="Those that serve, served, or are on trial, in order of the champion's loss "
        "that they save on shared decisions of the last week of forecasts or year of signals. "
        "Kept a minute.",
        parameters=[
            SLOT,
            OpenApiParameter("venue", str, description="Default: the running market's."),
        ],
        responses={200: OpenApiResponse(RankingSerializer, "The ranking.")} | refusals(400, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
