"""How far features lay from their usual range, as REST shows it. Read by the detail answers."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from predictions.feature_ranges import LEAST_EARLIER, LEDGER, TRAINING, FeatureRanges
from predictions.moments import moment

Shape = serializers.Serializer[dict[str, Any]]


class FeatureRangeSerializer(Shape):
    """One feature beside its usual range."""

    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="null where void.")
    n = serializers.IntegerField(min_value=0, help_text="Earlier values that were known.")
    lower = serializers.FloatField(
        allow_null=True,
        help_text="Their 5 % quantile, or mean - 1.645 σ of the training; null where unknown.",
    )
    upper = serializers.FloatField(
        allow_null=True, help_text="Their 95 % quantile, or mean + 1.645 σ of the training."
    )
    position = serializers.FloatField(
        allow_null=True,
        help_text="0 in the middle of the range, -1 and 1 at its ends, further out beyond; "
        "null where it has no width.",
    )
    outside = serializers.BooleanField(
        allow_null=True, help_text="Whether it lay below `lower` or above `upper`."
    )


class FeatureRangesSerializer(Shape):
    """All features, furthest from their usual range first."""

    reference = serializers.ChoiceField(
        [LEDGER, TRAINING],
        allow_null=True,
        help_text="What the ranges are of: the predictions before it, or, of a signal before which "
        f"there are fewer than {LEAST_EARLIER}, the rows that its model was trained on.",
    )
    n = serializers.IntegerField(min_value=0, help_text="Earlier predictions looked at.")
    to = serializers.DateTimeField(allow_null=True, help_text="When the last of them was made.")
    features = FeatureRangeSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of Python's own and cannot be written above.
        first = serializers.DateTimeField(
            allow_null=True, help_text="When the first of them was made."
        )
        return {"from": first, **super().get_fields()}


def shown(ranges: FeatureRanges | None) -> dict[str, Any] | None:
    """Return the ranges in REST's fields; None once the entry is pruned."""
    if ranges is None:
        return None
    return {
        "reference": ranges.reference,
        "from": _iso(ranges.from_ms),
        "n": ranges.n,
        "to": _iso(ranges.to_ms),
        "features": [asdict(each) for each in ranges.features],
    }


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else moment(time_ms).isoformat(timespec="milliseconds")
