"""The ledger's rows: what was said, and apart from it what came true.

Rows are only ever inserted. A forecast is unique by venue, tick, symbol and model version, a
signal by venue, symbol, timeframe, candle, model version and revision, so that reading a log
entry twice stores it once.
"""

from django.db import models

from inference.vocabulary import (
    Direction,
    OutcomeStatus,
    Reason,
    Role,
    SignalReason,
    Source,
    Ungradable,
)
from market.candles.timeframes import SIGNAL_TIMEFRAMES


def sources() -> list[tuple[str, str]]:
    # Called, not listed, so that a new word is no new migration.
    return [(word.value, word.value) for word in Source]


def reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Reason]


def roles() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Role]


def outcome_statuses() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in OutcomeStatus]


def ungradable_reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Ungradable]


def directions() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Direction]


def signal_reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in SignalReason]


def timeframes() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in SIGNAL_TIMEFRAMES]


class Forecast(models.Model):
    """What one tick said about one symbol. Unknown is null; times are market time in ms."""

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    tick = models.BigIntegerField()
    symbol = models.CharField(max_length=30)
    model_version = models.CharField(max_length=96)
    base_version = models.CharField(max_length=96)
    role = models.CharField(max_length=16, choices=roles)
    model_digest = models.CharField(max_length=64)

    predicted_at = models.DateTimeField(db_index=True)
    prediction_ts = models.BigIntegerField()
    target_ts = models.BigIntegerField()
    made_ts = models.BigIntegerField()
    feature_ts = models.BigIntegerField(null=True)
    event_ts = models.BigIntegerField(null=True)
    exchange_ts = models.BigIntegerField(null=True)

    current_price = models.FloatField(null=True)
    mid_price = models.FloatField(null=True)
    predicted_price = models.FloatField(null=True)
    lower = models.FloatField(null=True)
    upper = models.FloatField(null=True)
    p_up = models.FloatField(null=True)
    p_flat = models.FloatField(null=True)
    p_down = models.FloatField(null=True)
    confidence = models.FloatField(null=True)
    completeness = models.FloatField(null=True)
    interval_low = models.FloatField(null=True)
    interval_high = models.FloatField(null=True)

    source = models.CharField(max_length=24, choices=sources)
    reason = models.CharField(max_length=32, blank=True, choices=reasons)
    features_age_ms = models.FloatField(null=True)
    latency_ms = models.FloatField(null=True)
    features = models.BinaryField(help_text="20 little-endian float64 in the feature order")
    entry_id = models.CharField(max_length=32, help_text="id of the log entry it came in")
    entry_hash = models.CharField(max_length=64, help_text="SHA-256 of that entry (hash chain)")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-predicted_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("venue", "tick", "symbol", "model_version"), name="forecast_once"
            ),
        )
        indexes = (
            models.Index(fields=("venue", "symbol", "-prediction_ts"), name="forecast_by_symbol"),
            models.Index(
                fields=("venue", "symbol", "predicted_at"), name="forecast_by_symbol_time"
            ),
            models.Index(fields=("venue", "predicted_at"), name="forecast_by_venue_time"),
            models.Index(fields=("venue", "target_ts"), name="forecast_by_target"),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.predicted_at:%Y-%m-%d %H:%M:%S} {self.venue}"


class ForecastOutcome(models.Model):
    """What the market did by a forecast's target time.

    error_bp: predicted against the mid at target; no_change_error_bp: the mid at the decision
    against it. direction_hit is null where the mid did not move or no direction was given.
    """

    forecast = models.OneToOneField(Forecast, models.PROTECT, related_name="outcome")
    status = models.CharField(max_length=16, choices=outcome_statuses)
    reason = models.CharField(max_length=32, blank=True, choices=ungradable_reasons)
    target_mid = models.FloatField(null=True)
    price_from = models.CharField(max_length=8, blank=True, help_text="tick or px")
    return_bp = models.FloatField(null=True)
    error_bp = models.FloatField(null=True)
    no_change_error_bp = models.FloatField(null=True)
    direction_hit = models.BooleanField(null=True)
    covered = models.BooleanField(null=True)
    graded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-forecast_id",)

    def __str__(self) -> str:
        return f"{self.forecast_id}: {self.status} {self.reason}".rstrip()


class Signal(models.Model):
    """What was said about one symbol at one candle close. Times are market time in ms.

    prediction_ts: the candle's close, as of which all was known; made_ts may be later.
    revision: above 0 it supersedes the one before, made of the same candle before that was
    confirmed or restated; none is ever edited. For NO_TRADE the levels and times to them are
    null. tp_eta_low_minutes to tp_eta_high_minutes: 80 % interval.
    """

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    symbol = models.CharField(max_length=30)
    timeframe = models.CharField(max_length=4, choices=timeframes)
    candle_open = models.BigIntegerField()
    candle_close = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    batch = models.BigIntegerField()

    direction = models.CharField(max_length=8, choices=directions)
    reason = models.CharField(max_length=32, blank=True, choices=signal_reasons)
    confidence = models.FloatField()
    p_short = models.FloatField()
    p_no_trade = models.FloatField()
    p_long = models.FloatField()
    entry = models.FloatField()
    risk = models.FloatField()
    stop_loss = models.FloatField(null=True)
    take_profit_1 = models.FloatField(null=True)
    take_profit_2 = models.FloatField(null=True)
    take_profit_3 = models.FloatField(null=True)
    tp_eta_minutes = models.IntegerField(null=True)
    tp_eta_low_minutes = models.IntegerField(null=True)
    tp_eta_high_minutes = models.IntegerField(null=True)
    provisional = models.BooleanField()

    model_version = models.CharField(max_length=96)
    role = models.CharField(max_length=16, choices=roles)
    model_digest = models.CharField(max_length=64)
    model_accuracy = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    features = models.BinaryField(help_text="14 little-endian float64 in the indicator order")

    predicted_at = models.DateTimeField(db_index=True)
    prediction_ts = models.BigIntegerField()
    valid_until_ts = models.BigIntegerField()
    made_ts = models.BigIntegerField(help_text="when it was computed")
    entry_id = models.CharField(max_length=32, help_text="id of the log entry it came in")
    entry_hash = models.CharField(max_length=64, help_text="SHA-256 of that entry (hash chain)")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-predicted_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "venue", "symbol", "timeframe", "candle_open", "model_version", "revision",
                ),
                name="signal_once",
            ),
        )  # fmt: skip
        indexes = (
            models.Index(
                fields=("venue", "symbol", "timeframe", "predicted_at"), name="signal_by_symbol"
            ),
            models.Index(fields=("venue", "predicted_at"), name="signal_by_venue_time"),
            models.Index(fields=("symbol", "predicted_at"), name="signal_by_symbol_time"),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.predicted_at:%Y-%m-%d %H:%M} {self.venue}"


class SignalGap(models.Model):
    """Why one symbol had no signal for a candle when it was due. A signal may have followed."""

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    symbol = models.CharField(max_length=30)
    timeframe = models.CharField(max_length=4, choices=timeframes)
    candle_open = models.BigIntegerField()
    candle_close = models.BigIntegerField()
    batch = models.BigIntegerField()
    reason = models.CharField(max_length=32, choices=signal_reasons)
    message = models.CharField(max_length=500, blank=True)
    predicted_at = models.DateTimeField(db_index=True, help_text="when it was told (market time)")
    made_ts = models.BigIntegerField()
    entry_id = models.CharField(max_length=32, help_text="id of the log entry it came in")
    entry_hash = models.CharField(max_length=64, help_text="SHA-256 of that entry (hash chain)")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-predicted_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("venue", "symbol", "timeframe", "candle_open", "reason"),
                name="signal_gap_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.predicted_at:%Y-%m-%d %H:%M} {self.reason}"
