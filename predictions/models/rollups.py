"""Graded forecasts added up by the hour, which accuracy is read from and which outlive pruning."""

from django.db import models

from predictions.models import choices


class ForecastRollup(models.Model):
    """One hour (market time) of forecasts of one symbol, model version, role and source.

    said: all of them; of these the late ones count in nothing else. blocks: float32, sums a
    minute, for intervals; histogram: float32, sums by probability, so that calibration comes
    from here too; their columns: `predictions.accuracy.hours`. Written once the hour is over
    and graded, of one venue's hour all rows together; written anew where more came to light.
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
    late = models.PositiveIntegerField()
    graded = models.PositiveIntegerField()
    ungradable = models.JSONField(help_text="how many, by reason")
    blocks = models.BinaryField()
    histogram = models.BinaryField()

    class Meta:
        ordering = ("hour_ts",)
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "venue", "live", "symbol", "model_version", "base_version", "role", "source",
                    "hour_ts",
                ),
                name="rollup_once",
            ),
        )  # fmt: skip
        indexes = (models.Index(fields=("venue", "hour_ts"), name="rollup_by_time"),)

    def __str__(self) -> str:
        return f"{self.symbol} {self.hour_ts} {self.model_version} {self.venue}"
