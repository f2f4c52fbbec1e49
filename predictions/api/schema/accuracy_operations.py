"""`/api/accuracy` in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import ENGINES, Role, Source
from predictions.accuracy.report import FORECAST_GROUPINGS, SIGNAL_GROUPINGS
from predictions.accuracy.windows import ROLLINGS, WINDOWS
from predictions.api.schema.refusals import refusals
from predictions.api.schema.signal_operations import UNCHANGED
from predictions.api.schema.signal_shapes import TIMEFRAMES

Shape = serializers.Serializer[dict[str, Any]]


def _number(help_text: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text, **options)


class FigureSerializer(Shape):
    """A figure with its 95 % interval; null under the minimum n, or where it cannot be told."""

    value = _number("The figure.")
    lower = _number("Lower end of the interval.")
    upper = _number("Upper end of the interval.")
    n = serializers.IntegerField(help_text="Graded predictions that it rests on.")
    n_eff = _number(
        "A cautious count of independent ones: as many as would give this interval, at most n "
        "divided by how many outcomes overlap (10 s every 2 s: 5). The interval is not made "
        "from it. null for r2, brier and log_loss of forecasts."
    )
    blocks = serializers.IntegerField(
        help_text="Stretches of time that were resampled, which the interval comes from."
    )
    baseline = _number("What it is to be compared with.", required=False)


class BillSerializer(Shape):
    """The record scored again with the asker's costs; no figure under the minimum n."""

    fee_bp = serializers.FloatField(help_text="Of each side, entry and exit.")
    slippage_bp = serializers.FloatField(help_text="Of each side.")
    latency_ms = serializers.IntegerField(help_text="From the decision to the entry.")
    unit = serializers.ChoiceField(["R", "bp"])
    considered = serializers.IntegerField()
    limited = serializers.BooleanField(help_text="Whether only the newest `most` were scored.")
    most = serializers.IntegerField()
    missed = serializers.DictField(child=serializers.IntegerField())
    unknown = serializers.DictField(child=serializers.IntegerField())
    mean = FigureSerializer()
    before = _number("The mean without fee and slippage.")
    median = _number("Half of the trades did better.")
    total = _number("The sum of all.")
    share_positive = _number("Share of trades that won after costs.")


class SeriesSerializer(Shape):
    """Figures of windows that roll over the record, each a quarter later than the one before."""

    window = serializers.ChoiceField(list(WINDOWS))
    window_ms = serializers.IntegerField()
    step_ms = serializers.IntegerField()
    points = serializers.ListField(
        child=serializers.DictField(), help_text="from, to, and figures by name."
    )


class SpreadSerializer(Shape):
    """How R multiples are spread; bins are null under the minimum n."""

    width = serializers.FloatField(help_text="Of a bin, in R.")
    n = serializers.IntegerField()
    n_after_fees = serializers.IntegerField()
    bins = serializers.ListField(
        child=serializers.DictField(),
        allow_null=True,
        help_text="r (the middle; the first and the last hold what lies beyond), before, "
        "after_fees.",
    )


class AccuracySerializer(Shape):
    """The record of one engine in one venue."""

    status = serializers.ChoiceField(["success"])
    engine = serializers.ChoiceField(list(ENGINES))
    venue = serializers.CharField()
    live = serializers.BooleanField(allow_null=True, help_text="null where nothing was said.")
    minimum_n = serializers.IntegerField(help_text="Below it no figure is told.")
    by = serializers.CharField(allow_null=True)
    overall = serializers.DictField(help_text="Counts and figures by name.")
    groups = serializers.ListField(child=serializers.DictField(), allow_null=True)
    bands = serializers.ListField(
        child=serializers.DictField(), help_text="By sureness: band, said, and figures by name."
    )
    risk_coverage = serializers.ListField(child=serializers.DictField())
    series = SeriesSerializer(allow_null=True, help_text="null where not asked for, or nothing.")
    r_distribution = SpreadSerializer(allow_null=True, help_text="Signals only.")
    costs = BillSerializer(allow_null=True)


def _text(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **options)


PARAMETERS = [
    _text("engine", "Whose record.", enum=ENGINES, default=ENGINES[0]),
    _text("symbol", "One symbol, in any spelling. Default: all."),
    _text("timeframe", "Signals only.", enum=TIMEFRAMES),
    _text("venue", "Which market. Default: the one that runs. Never several."),
    _text("model_version", "One version."),
    _text(
        "role",
        "Default: all that was published, which shadows were not.",
        enum=[each.value for each in Role],
    ),
    _text("source", "Forecasts only.", enum=[each.value for each in Source]),
    _text("from", "Market time in ISO 8601, inclusive. Default: the newest 7 days, of signals 30."),
    _text("to", "Market time in ISO 8601, exclusive."),
    OpenApiParameter("last", int, description="Instead of a window: the newest graded ones."),
    OpenApiParameter(
        "days", int, description="Instead of a window: so many back from the newest prediction."
    ),
    _text(
        "by",
        f"Figures for each value of: {', '.join(FORECAST_GROUPINGS)} of forecasts; "
        f"{', '.join(SIGNAL_GROUPINGS)} of signals; or for each pair of two, with a comma "
        "between.",
    ),
    _text(
        "series",
        "Figures over time, in windows of this length that roll over the record. auto: the "
        "shortest that gives few points.",
        enum=ROLLINGS,
    ),
    OpenApiParameter("fee_bp", float, description="Score again with this fee a side."),
    OpenApiParameter("latency_ms", int, description="Score again, entering so much later."),
    OpenApiParameter("slippage_bp", float, description="Score again with this slippage a side."),
]


class AccuracyDescription(APIView):
    @extend_schema(
        operation_id="accuracy",
        summary="What the predictions were worth",
        parameters=[*PARAMETERS, UNCHANGED],
        responses={200: OpenApiResponse(AccuracySerializer, "The record.")}
        | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
