"""`/api/signals`: the ledger of signals, for reading."""

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from predictions.api.filters import SignalFilter
from predictions.api.pagination import LedgerPagination
from predictions.api.schema.refusals import refusals
from predictions.api.schema.signal_shapes import ProbabilitiesSerializer, TakeProfitSerializer
from predictions.api.serializers import FEATURES, HashField, MomentField
from predictions.models import Signal
from predictions.said_features import Named, signal_features


class SignalSerializer(serializers.ModelSerializer[Signal]):
    """What was said of one candle; `revision` above 0 supersedes the one before."""

    predicted_at = MomentField(source="prediction_ts", read_only=True)
    valid_until = MomentField(source="valid_until_ts", read_only=True)
    made_at = MomentField(source="made_ts", read_only=True)
    candle_open = MomentField(read_only=True)
    candle_close = MomentField(read_only=True)
    leaf = serializers.IntegerField(source="leaf_id", read_only=True)
    entry_hash = HashField(source="leaf.entry_hash", read_only=True)
    logged_at = MomentField(source="leaf.stream_ms", read_only=True)
    recorded_at = serializers.DateTimeField(source="leaf.recorded_at", read_only=True)
    probabilities = serializers.SerializerMethodField()
    take_profits = serializers.SerializerMethodField()
    tp_eta_interval_minutes = serializers.SerializerMethodField()

    class Meta:
        model = Signal
        fields: tuple[str, ...] = (
            "id",
            "symbol",
            "timeframe",
            "venue",
            "live",
            "batch",
            "revision",
            "candle_open",
            "candle_close",
            "provisional",
            "predicted_at",
            "valid_until",
            "made_at",
            "direction",
            "reason",
            "confidence",
            "probabilities",
            "threshold",
            "entry",
            "risk",
            "stop_loss",
            "take_profits",
            "tp_eta_minutes",
            "tp_eta_interval_minutes",
            "model_version",
            "role",
            "model_digest",
            "model_accuracy",
            "late",
            "leaf",
            "entry_hash",
            "logged_at",
            "recorded_at",
        )

    @extend_schema_field(ProbabilitiesSerializer)
    def get_probabilities(self, signal: Signal) -> dict[str, float]:
        return {"LONG": signal.p_long, "SHORT": signal.p_short, "NO_TRADE": signal.p_no_trade}

    @extend_schema_field(TakeProfitSerializer(many=True))
    def get_take_profits(self, signal: Signal) -> list[dict[str, float | int]]:
        prices = (signal.take_profit_1, signal.take_profit_2, signal.take_profit_3)
        return [
            {"level": level, "price": price}
            for level, price in enumerate(prices, 1)
            if price is not None
        ]

    def get_tp_eta_interval_minutes(self, signal: Signal) -> list[int | None] | None:
        if signal.tp_eta_low_minutes is None:
            return None
        return [signal.tp_eta_low_minutes, signal.tp_eta_high_minutes]


class SignalDetailSerializer(SignalSerializer):
    """One signal with the indicators it was made from."""

    features = serializers.SerializerMethodField()

    class Meta(SignalSerializer.Meta):
        fields = (*SignalSerializer.Meta.fields, "features")

    @extend_schema_field(FEATURES)
    def get_features(self, signal: Signal) -> Named | None:
        return signal_features(signal)


@extend_schema(responses={200: SignalSerializer(many=True)} | refusals(400, 404, 503))
class SignalList(ListAPIView[Signal]):
    """Signals, newest first."""

    queryset = Signal.objects.select_related("leaf").defer("leaf__packed")
    serializer_class = SignalSerializer
    pagination_class = LedgerPagination
    filterset_class = SignalFilter
    http_method_names = ["get", "head", "options"]


@extend_schema(responses={200: SignalDetailSerializer} | refusals(404, 503))
class SignalDetail(RetrieveAPIView[Signal]):
    """One signal, with its indicators."""

    queryset = Signal.objects.select_related("leaf")
    serializer_class = SignalDetailSerializer
    filter_backends = ()
    http_method_names = ["get", "head", "options"]
