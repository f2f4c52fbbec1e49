"""`/api/predictions` in the document: parameters, answers, examples."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.vocabulary import SIGNAL_REASON_TEXTS, SignalReason
from predictions.api.schema.refusals import refusals
from predictions.api.schema.signal_shapes import (
    TIMEFRAMES,
    SignalListSerializer,
    SignalSummarySerializer,
)

ITEM: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "timeframe": "15m",
    "direction": "LONG",
    "confidence": 0.78,
    "probabilities": {"LONG": 0.78, "SHORT": 0.15, "NO_TRADE": 0.07},
    "model_accuracy": 0.685,
    "live_accuracy": None,
    "entry": 42500.5,
    "stop_loss": 41900.25,
    "take_profits": [
        {"level": 1, "price": 43100.75},
        {"level": 2, "price": 43701.0},
        {"level": 3, "price": 44301.25},
    ],
    "tp_eta_minutes": 45,
    "tp_eta_interval_minutes": [15, 150],
    "provisional": False,
    "reason": "",
    "model_version": "v1.0.0",
    "model_role": "champion",
    "venue": "binance",
    "live": True,
    "prediction_time": "2025-12-28T13:15:00+00:00",
    "valid_until": "2025-12-28T13:17:00+00:00",
    "expired": False,
    "made_at": "2025-12-28T13:15:01+00:00",
    "candle_open": "2025-12-28T13:00:00+00:00",
    "candle_close": "2025-12-28T13:15:00+00:00",
}
"""The specification's example."""

FAILURE = {
    "symbol": "ETHUSDT",
    "timeframe": "15m",
    "code": SignalReason.CANDLE_LATE.value,
    "message": SIGNAL_REASON_TEXTS[SignalReason.CANDLE_LATE],
}
_ENVELOPE: dict[str, Any] = {
    "status": "success",
    "timestamp": "2025-12-28T13:15:40+00:00",
    "count": 1,
    "predictions": [ITEM],
    "errors": [FAILURE],
    "venue": "binance",
    "live": True,
}
LISTED = OpenApiExample("Made and late", _ENVELOPE | {"timeframe": "15m"}, response_only=True)
SUMMED = OpenApiExample(
    "Made",
    _ENVELOPE | {"errors": [], "symbol": "BTCUSDT", "agreement": 1.0, "agreed_direction": "LONG"},
    response_only=True,
)

TIMEFRAME = OpenApiParameter(
    "timeframe", str, description="Length of the candle.", enum=TIMEFRAMES, default=TIMEFRAMES[0]
)
SYMBOLS = OpenApiParameter(
    "symbols",
    str,
    description="Coins, separated by commas; BTCUSDT, btc-usdt and BTC/USDT are the same. "
    "Default: all of SIGNAL_SYMBOLS.",
)
SYMBOL = OpenApiParameter(
    "symbol", str, OpenApiParameter.PATH, description="A coin: BTCUSDT or btc-usdt."
)
UNCHANGED = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="An answer's ETag; 304 where nothing but `timestamp` has changed.",
)
_UNCHANGED = {304: OpenApiResponse(description="Nothing but `timestamp` has changed.")}
_LISTED = {200: OpenApiResponse(SignalListSerializer, "Signals.", [LISTED])} | _UNCHANGED
_SUMMED = {200: OpenApiResponse(SignalSummarySerializer, "Signals.", [SUMMED])} | _UNCHANGED


class PredictionsDescription(APIView):
    @extend_schema(
        operation_id="predictions",
        summary="The newest signals",
        description="LONG, SHORT or NO_TRADE of each coin at one timeframe. A coin that has no "
        "signal of its newest candle is an entry in `errors`; it never fails the list.",
        parameters=[TIMEFRAME, SYMBOLS, UNCHANGED],
        responses=_LISTED | refusals(400, 404, 503),
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError


class PredictionDescription(APIView):
    @extend_schema(
        operation_id="prediction",
        summary="The newest signal of one coin",
        description="The list's item in the list's envelope; `count` is 0 where there is none.",
        parameters=[SYMBOL, TIMEFRAME, UNCHANGED],
        responses=_LISTED | refusals(400, 404, 503),
    )
    def get(self, request: Request, symbol: str) -> Response:
        raise NotImplementedError


class SummaryDescription(APIView):
    @extend_schema(
        operation_id="prediction_summary",
        summary="One coin at every timeframe",
        description="An item a timeframe, and the share of them that agree.",
        parameters=[SYMBOL, UNCHANGED],
        responses=_SUMMED | refusals(400, 404, 503),
    )
    def get(self, request: Request, symbol: str) -> Response:
        raise NotImplementedError
