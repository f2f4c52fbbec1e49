"""Words that the loop, the ledger, the API and the pages share: sources, reasons, statuses."""

from enum import StrEnum


class Source(StrEnum):
    """Where a forecast came from; the field `source`."""

    REDIS = "redis"
    STALE = "fallback-stale"
    ERROR = "fallback-error"
    TREND = "fallback-trend"
    EMERGENCY = "fallback-emergency"


class Reason(StrEnum):
    """Why a forecast is a fallback, is marked, or is missing; the field `reason`, "" if none."""

    NONE = ""
    STALE_FEATURES = "stale_features"
    FEATURES_MISSING = "features_missing"
    INCOMPLETE_FEATURES = "incomplete_features"
    INVALID_FEATURES = "invalid_features"
    FEATURES_FROM_FUTURE = "features_from_future"
    OTHER_VENUE = "other_venue"
    CROSSED_BOOK = "crossed_book"
    TOO_SLOW = "too_slow"
    BELOW_THRESHOLD = "below_threshold"
    MODEL_MISSING = "model_missing"
    MODEL_ERROR = "model_error"
    NO_PRICE = "no_price"


REASON_TEXTS: dict[Reason, str] = {
    Reason.NONE: "",
    Reason.STALE_FEATURES: "the features are older than the configured limit",
    Reason.FEATURES_MISSING: "there are no features for this symbol",
    Reason.INCOMPLETE_FEATURES: "a feature without which the model cannot answer is void",
    Reason.INVALID_FEATURES: "a feature is not a number, not finite or out of its range",
    Reason.FEATURES_FROM_FUTURE: "the features claim a time that has not come yet",
    Reason.OTHER_VENUE: "the features come from another market than the one that is running",
    Reason.CROSSED_BOOK: "the best bid is at or above the best ask",
    Reason.TOO_SLOW: "the tick took longer than the configured latency limit",
    Reason.BELOW_THRESHOLD: "the confidence is below the configured threshold",
    Reason.MODEL_MISSING: "no model could be loaded; a linear trend stands in",
    Reason.MODEL_ERROR: "the model failed on this input",
    Reason.NO_PRICE: "the model returned no usable price",
}


def spoken_version(model_version: str, source: Source) -> str:
    """Return the version under which a forecast is published, with the source's suffix."""
    if source is Source.STALE:
        return f"{model_version}-fallback"
    if source in (Source.ERROR, Source.EMERGENCY):
        return f"{model_version}-error"
    return model_version


class Role(StrEnum):
    """What a model version was when it spoke."""

    CHAMPION = "champion"
    SHADOW = "shadow"
    BASELINE = "baseline"


class OutcomeStatus(StrEnum):
    """How a forecast's grading ended."""

    GRADED = "graded"
    UNGRADABLE = "ungradable"


class Ungradable(StrEnum):
    """Why a forecast cannot be graded."""

    NONE = ""
    NO_FORECAST = "no_forecast"
    NO_PRICE_AT_TARGET = "no_price_at_target"
    MADE_TOO_LATE = "made_too_late"


FORECASTS = "forecasts"
"""The engine's name in Redis keys and the ledger."""
