"""Graded forecasts added up by the hour, which accuracy is read from and which outlive pruning."""

from django.db import models

from predictions.models import choices


class ForecastRollup(models.Model):
    """One hour of graded forecasts of one symbol, model version, role and source.

    sums: named totals; blocks: sufficient statistics a minute, for intervals; histogram: counts
    by probability, so that calibration comes from here too. Written once the hour is graded.
    """

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    symbol = models.CharField(max_length=30)
    model_version = models.CharField(max_length=96)
    base_version = models.CharField(max_length=96)
    role = models.CharField(max_length=16, choices=choices.roles)
    source = models.CharField(max_length=24, choices=choices.sources)
    hour_ts = models.BigIntegerField()
    said = models.PositiveIntegerField()
    graded = models.PositiveIntegerField()
    sums = models.JSONField()
    blocks = models.BinaryField()
    histogram = models.BinaryField()

    class Meta:
        ordering = ("hour_ts",)
        constraints = (
            models.UniqueConstraint(
                fields=("venue", "symbol", "model_version", "role", "source", "hour_ts"),
                name="rollup_once",
            ),
        )
        indexes = (models.Index(fields=("venue", "hour_ts"), name="rollup_by_time"),)

    def __str__(self) -> str:
        return f"{self.symbol} {self.hour_ts} {self.model_version} {self.venue}"
