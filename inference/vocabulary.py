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
    FEED_DOWN = "feed_down"
    SYMBOL_HALTED = "symbol_halted"
    SYMBOL_DELISTED = "symbol_delisted"


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
    Reason.FEED_DOWN: "no exchange answers, so there is no market to predict",
    Reason.SYMBOL_HALTED: "the exchange has halted trading in this symbol",
    Reason.SYMBOL_DELISTED: "the exchange does not list this symbol",
}

REFUSED_FEATURES = frozenset(
    {
        Reason.STALE_FEATURES,
        Reason.FEATURES_MISSING,
        Reason.INVALID_FEATURES,
        Reason.FEATURES_FROM_FUTURE,
        Reason.OTHER_VENUE,
        Reason.FEED_DOWN,
        Reason.SYMBOL_HALTED,
        Reason.SYMBOL_DELISTED,
    }
)
"""Why a symbol's features were not believed at all: its feed fails, or it has none."""


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
    """Why a prediction cannot be graded."""

    NONE = ""
    NO_FORECAST = "no_forecast"
    NO_PRICE_AT_TARGET = "no_price_at_target"
    MADE_TOO_LATE = "made_too_late"
    PATH_MISSING = "path_missing"
    SYMBOL_HALTED = "symbol_halted"
    SYMBOL_DELISTED = "symbol_delisted"


class SignalResult(StrEnum):
    """What ended a signal; "" while it is not graded or cannot be."""

    NONE = ""
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TIMED_OUT = "timed_out"
    NO_TRADE = "no_trade"


class Direction(StrEnum):
    """What a signal says; the field `direction`."""

    SHORT = "SHORT"
    NO_TRADE = "NO_TRADE"
    LONG = "LONG"


DIRECTIONS = (Direction.SHORT, Direction.NO_TRADE, Direction.LONG)
"""In the order of a network's classes: 0, 1, 2."""


class SignalReason(StrEnum):
    """Why a signal is NO_TRADE, or why a coin has none (an entry in `errors`)."""

    NONE = ""
    MODEL_SAYS_NO_TRADE = "model_says_no_trade"
    BELOW_THRESHOLD = "below_threshold"
    NO_SKILL_SHOWN = "no_skill_shown"
    MODEL_MISSING = "model_missing"
    SCALER_MISSING = "scaler_missing"
    TORCH_MISSING = "torch_missing"
    ARTEFACT_REFUSED = "artefact_refused"
    CANDLES_MISSING = "candles_missing"
    COLUMNS_MISSING = "columns_missing"
    NOT_ENOUGH_HISTORY = "not_enough_history"
    CANDLE_GAP = "candle_gap"
    CANDLE_LATE = "candle_late"
    FEATURES_OUTDATED = "features_outdated"
    INVALID_FEATURES = "invalid_features"
    MODEL_ERROR = "model_error"
    NOT_MADE_YET = "not_made_yet"
    OTHER_VENUE = "other_venue"
    SIGNAL_UNREADABLE = "signal_unreadable"
    FEED_DOWN = "feed_down"
    SYMBOL_HALTED = "symbol_halted"
    SYMBOL_DELISTED = "symbol_delisted"


SIGNAL_REASON_TEXTS: dict[SignalReason, str] = {
    SignalReason.NONE: "",
    SignalReason.MODEL_SAYS_NO_TRADE: "the likeliest class is no trade",
    SignalReason.BELOW_THRESHOLD: "the likeliest direction is less likely than the threshold",
    SignalReason.NO_SKILL_SHOWN: (
        "no model was shown to beat the class shares here, so no direction is called"
    ),
    SignalReason.MODEL_MISSING: "there is no model for this symbol and timeframe",
    SignalReason.SCALER_MISSING: "there is no scaler.pkl beside the model",
    SignalReason.TORCH_MISSING: "the model is a .pt file, and torch is not installed",
    SignalReason.ARTEFACT_REFUSED: "the model's files are damaged, foreign or not as declared",
    SignalReason.CANDLES_MISSING: "there are no candles of this symbol and timeframe",
    SignalReason.COLUMNS_MISSING: "the stored candles lack a column, or it is not of its type",
    SignalReason.NOT_ENOUGH_HISTORY: "there are fewer candles than indicators and window need",
    SignalReason.CANDLE_GAP: "a candle inside the window is missing",
    SignalReason.CANDLE_LATE: "the candle closed over 30 s ago and has not arrived",
    SignalReason.FEATURES_OUTDATED: "the newest closed candle is older than two timeframes",
    SignalReason.INVALID_FEATURES: "an indicator is not a finite number",
    SignalReason.MODEL_ERROR: "the model failed on this input",
    SignalReason.NOT_MADE_YET: "no signal has been made for this candle yet",
    SignalReason.OTHER_VENUE: "the last signal comes from another market than the one running",
    SignalReason.SIGNAL_UNREADABLE: "what Redis holds in the signal's place is no signal",
    SignalReason.FEED_DOWN: REASON_TEXTS[Reason.FEED_DOWN],
    SignalReason.SYMBOL_HALTED: REASON_TEXTS[Reason.SYMBOL_HALTED],
    SignalReason.SYMBOL_DELISTED: REASON_TEXTS[Reason.SYMBOL_DELISTED],
}


FORECASTS = "forecasts"
SIGNALS = "signals"
ENGINES = (FORECASTS, SIGNALS)
"""The engines' names in Redis keys and the ledger."""
