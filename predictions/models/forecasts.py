"""Forecasts of the hot path, and what came true."""

from django.db import models

from predictions.models import choices
from predictions.models.log import LedgerEntry


class Forecast(models.Model):
    """What one tick said about one symbol. Unknown is null; times are market time in ms.

    late: it reached the log after its target time; it counts in no statistic. leaf: the packed
    entry that it came in, which holds its 20 features.
    """

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    tick = models.BigIntegerField()
    symbol = models.CharField(max_length=30)
    model_version = models.CharField(max_length=96)
    base_version = models.CharField(max_length=96)
    role = models.CharField(max_length=16, choices=choices.roles)
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

    source = models.CharField(max_length=24, choices=choices.sources)
    reason = models.CharField(max_length=32, blank=True, choices=choices.reasons)
    features_age_ms = models.FloatField(null=True)
    latency_ms = models.FloatField(null=True)
    late = models.BooleanField(default=False, help_text="reached the log after its target time")
    leaf = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="forecasts")

    class Meta:
        ordering = ("-predicted_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("venue", "tick", "symbol", "model_version"), name="forecast_once"
            ),
        )
        indexes = (
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
    status = models.CharField(max_length=16, choices=choices.outcome_statuses)
    reason = models.CharField(max_length=32, blank=True, choices=choices.ungradable_reasons)
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
