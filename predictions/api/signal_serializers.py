"""The ledger's signals as REST shows them. Read by its views."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.feature_ranges import FeatureRangesSerializer, shown
from predictions.api.schema.signal_shapes import ProbabilitiesSerializer, TakeProfitSerializer
from predictions.api.serializers import FEATURES, HashField, MomentField
from predictions.as_of import signal_outcome
from predictions.feature_ranges import signal_ranges
from predictions.models import Signal, SignalOutcome
from predictions.said_features import Named, signal_features


class SignalOutcomeSerializer(serializers.ModelSerializer[SignalOutcome]):
    """What came true; known from the horizon's end on, however early it ended."""

    ended_at = MomentField(source="ended_ts", read_only=True, allow_null=True)
    known_at = MomentField(source="known_ts", read_only=True)
    stop_loss_at = MomentField(source="stop_loss_ts", read_only=True, allow_null=True)
    take_profit_1_at = MomentField(source="take_profit_1_ts", read_only=True, allow_null=True)
    take_profit_2_at = MomentField(source="take_profit_2_ts", read_only=True, allow_null=True)
    take_profit_3_at = MomentField(source="take_profit_3_ts", read_only=True, allow_null=True)

    class Meta:
        model = SignalOutcome
        fields = (
            "status",
            "reason",
            "result",
            "touched",
            "path_timeframe",
            "ended_at",
            "known_at",
            "entry_gap_bp",
            "stop_loss_at",
            "take_profit_1_at",
            "take_profit_2_at",
            "take_profit_3_at",
            "exit_price",
            "r_multiple",
            "r_after_fees",
            "fee_bp",
            "tp_minutes",
            "eta_covered",
            "graded_at",
        )


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
    superseded = serializers.BooleanField(
        read_only=True, help_text="A later revision of this candle was said (by `as_of`)."
    )
    outcome = serializers.SerializerMethodField()

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
            "superseded",
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
            "outcome",
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

    @extend_schema_field(SignalOutcomeSerializer(allow_null=True))
    def get_outcome(self, signal: Signal) -> dict[str, object] | None:
        outcome = signal_outcome(signal)
        return None if outcome is None else dict(SignalOutcomeSerializer(outcome).data)


class SignalDetailSerializer(SignalSerializer):
    """One signal with the indicators it was made from."""

    features = serializers.SerializerMethodField()
    feature_ranges = serializers.SerializerMethodField()

    class Meta(SignalSerializer.Meta):
        fields = (*SignalSerializer.Meta.fields, "features", "feature_ranges")

    @extend_schema_field(FEATURES)
    def get_features(self, signal: Signal) -> Named | None:
        return signal_features(signal)

    @extend_schema_field(FeatureRangesSerializer(allow_null=True))
    def get_feature_ranges(self, signal: Signal) -> dict[str, Any] | None:
        return shown(signal_ranges(signal, signal_features(signal)))
