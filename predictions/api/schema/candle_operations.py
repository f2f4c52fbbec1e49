"""`/api/candles` in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from predictions.api.candle_queries import DEFAULT_LIMIT, TIMEFRAMES
from predictions.api.pagination import LONGEST_PAGE
from predictions.api.schema.refusals import refusals
from predictions.api.signal_queries import DEFAULT_TIMEFRAME

Shape = serializers.Serializer[dict[str, Any]]

EXAMPLE: dict[str, Any] = {
    "status": "success",
    "timestamp": "2025-12-28T13:15:40+00:00",
    "symbol": "BTCUSDT",
    "timeframe": "15m",
    "count": 1,
    "candles": [
        {
            "candle_open": "2025-12-28T13:00:00+00:00",
            "candle_close": "2025-12-28T13:15:00+00:00",
            "open": 42480.0,
            "high": 42522.9,
            "low": 42471.3,
            "close": 42500.5,
            "volume": 104.217,
            "provisional": False,
        }
    ],
    "forming": None,
    "venue": "binance",
    "live": True,
}


def _price(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(help_text=f"{help_text}, in quote currency.")


def _moment(help_text: str) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=f"{help_text}. Market time, ISO 8601, UTC.")


class PricesSerializer(Shape):
    """What any candle has."""

    candle_open = _moment("Open of the candle, its label")
    candle_close = _moment("Close of the candle")
    open = _price("First price")
    high = _price("Highest price")
    low = _price("Lowest price")
    close = _price("Last price")
    volume = serializers.FloatField(help_text="Traded, in base currency.")


class CandleSerializer(PricesSerializer):
    """One closed candle."""

    provisional = serializers.BooleanField(
        help_text="Whether it was rolled up here and the exchange has not confirmed it."
    )


class FormingSerializer(PricesSerializer):
    """The candle that has not closed, as far as shorter ones tell of it."""

    known_until = _moment("Close of the newest shorter candle in it")


class CandlesSerializer(Shape):
    """Candles of one market, the newest last; what is missing is left out."""

    status = serializers.ChoiceField(["success"])
    timestamp = _moment("Now")
    symbol = serializers.CharField(help_text="As stored: BTCUSDT.")
    timeframe = serializers.ChoiceField(TIMEFRAMES)
    count = serializers.IntegerField(min_value=0, help_text="Length of `candles`.")
    candles = CandleSerializer(many=True)
    forming = FormingSerializer(
        allow_null=True, help_text="null with `to`, and where no shorter candle has closed in it."
    )
    venue = serializers.CharField(help_text="Whose market.")
    live = serializers.BooleanField(help_text="Whether that is a real one, running now.")


class CandlesDescription(APIView):
    @extend_schema(
        operation_id="candles",
        summary="Candles",
        description="Those that had closed, of the market that runs or of one other: never mixed.",
        parameters=[
            OpenApiParameter("symbol", str, required=True, description="In any spelling."),
            OpenApiParameter(
                "timeframe",
                str,
                description="Length of a candle.",
                enum=TIMEFRAMES,
                default=DEFAULT_TIMEFRAME.value,
            ),
            OpenApiParameter("venue", str, description="Whose market. Default: the running one."),
            OpenApiParameter(
                "to",
                str,
                description="Closed by then; ISO 8601, market time. Default, and at most: now.",
            ),
            OpenApiParameter(
                "limit",
                int,
                description=f"The newest so many, 1 to {LONGEST_PAGE}.",
                default=DEFAULT_LIMIT,
            ),
        ],
        responses={
            200: OpenApiResponse(
                CandlesSerializer,
                "Candles.",
                [OpenApiExample("One", EXAMPLE, response_only=True)],
            )
        }
        | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
