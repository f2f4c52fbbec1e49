"""The ledger's rows as REST shows them: unknown is null, times are ISO 8601 in UTC."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.feature_ranges import FeatureRangesSerializer, shown
from predictions.as_of import forecast_outcome
from predictions.feature_ranges import forecast_ranges
from predictions.models import Forecast, ForecastOutcome
from predictions.moments import moment
from predictions.said_features import Named, forecast_features


@extend_schema_field(serializers.DateTimeField)
class MomentField(serializers.Field[int, int, str, object]):
    """Milliseconds since the epoch, shown as ISO 8601."""

    def to_representation(self, value: int) -> str:
        return moment(value).isoformat(timespec="milliseconds")


@extend_schema_field(serializers.CharField)
class HashField(serializers.Field[bytes, bytes, str, object]):
    """A SHA-256, shown in hex."""

    def to_representation(self, value: bytes) -> str:
        return bytes(value).hex()


FEATURES = serializers.DictField(
    child=serializers.FloatField(allow_null=True),
    allow_null=True,
    help_text="null once the packed entry was pruned",
)


class OutcomeSerializer(serializers.ModelSerializer[ForecastOutcome]):
    """What came true."""

    class Meta:
        model = ForecastOutcome
        fields = (
            "status",
            "reason",
            "target_mid",
            "price_from",
            "return_bp",
            "error_bp",
            "no_change_error_bp",
            "direction_hit",
            "covered",
            "graded_at",
        )


class ForecastSerializer(serializers.ModelSerializer[Forecast]):
    """What was said, with its outcome; `outcome` is null until it is graded.

    With `as_of` it is null, too, where it was not known by then.
    """

    target_at = MomentField(source="target_ts", read_only=True)
    made_at = MomentField(source="made_ts", read_only=True)
    feature_at = MomentField(source="feature_ts", read_only=True, allow_null=True)
    event_at = MomentField(source="event_ts", read_only=True, allow_null=True)
    exchange_at = MomentField(source="exchange_ts", read_only=True, allow_null=True)
    leaf = serializers.IntegerField(source="leaf_id", read_only=True)
    entry_hash = HashField(source="leaf.entry_hash", read_only=True)
    logged_at = MomentField(source="leaf.stream_ms", read_only=True)
    recorded_at = serializers.DateTimeField(source="leaf.recorded_at", read_only=True)
    outcome = serializers.SerializerMethodField()

    class Meta:
        model = Forecast
        fields: tuple[str, ...] = (
            "id",
            "symbol",
            "venue",
            "live",
            "tick",
            "predicted_at",
            "target_at",
            "made_at",
            "current_price",
            "mid_price",
            "predicted_price",
            "lower",
            "upper",
            "p_up",
            "p_flat",
            "p_down",
            "confidence",
            "source",
            "reason",
            "model_version",
            "base_version",
            "role",
            "model_digest",
            "completeness",
            "features_age_ms",
            "latency_ms",
            "interval_low",
            "interval_high",
            "feature_at",
            "event_at",
            "exchange_at",
            "late",
            "leaf",
            "entry_hash",
            "logged_at",
            "recorded_at",
            "outcome",
        )

    @extend_schema_field(OutcomeSerializer(allow_null=True))
    def get_outcome(self, forecast: Forecast) -> dict[str, object] | None:
        outcome = forecast_outcome(forecast)
        return None if outcome is None else dict(OutcomeSerializer(outcome).data)


class ForecastDetailSerializer(ForecastSerializer):
    """One forecast with the features it was made from."""

    features = serializers.SerializerMethodField()
    feature_ranges = serializers.SerializerMethodField()

    class Meta(ForecastSerializer.Meta):
        fields = (*ForecastSerializer.Meta.fields, "features", "feature_ranges")

    @extend_schema_field(FEATURES)
    def get_features(self, forecast: Forecast) -> Named | None:
        return forecast_features(forecast)

    @extend_schema_field(FeatureRangesSerializer(allow_null=True))
    def get_feature_ranges(self, forecast: Forecast) -> dict[str, Any] | None:
        return shown(forecast_ranges(forecast, forecast_features(forecast)))
