"""Signals of the candle path, the gaps between them, and what came true."""

from django.db import models

from predictions.models import choices
from predictions.models.log import LedgerEntry


class Signal(models.Model):
    """What was said about one symbol at one candle close. Times are market time in ms.

    prediction_ts: the candle's close, as of which all was known; made_ts may be later.
    revision: above 0 it supersedes the one before, made of the same candle before that was
    confirmed or restated; none is ever edited. For NO_TRADE the levels and times to them are
    null. tp_eta_low_minutes to tp_eta_high_minutes: 80 % interval. late: it reached the log
    after valid_until_ts, when it could be entered no more; it counts in no statistic. leaf: the
    packed entry that it came in, which holds its 14 indicators.
    """

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    symbol = models.CharField(max_length=30)
    timeframe = models.CharField(max_length=4, choices=choices.timeframes)
    candle_open = models.BigIntegerField()
    candle_close = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    batch = models.BigIntegerField()

    direction = models.CharField(max_length=8, choices=choices.directions)
    reason = models.CharField(max_length=32, blank=True, choices=choices.signal_reasons)
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
    role = models.CharField(max_length=16, choices=choices.roles)
    model_digest = models.CharField(max_length=64)
    model_accuracy = models.FloatField(null=True)
    threshold = models.FloatField(null=True)

    predicted_at = models.DateTimeField(db_index=True)
    prediction_ts = models.BigIntegerField()
    valid_until_ts = models.BigIntegerField()
    made_ts = models.BigIntegerField(help_text="when it was computed")
    late = models.BooleanField(default=False, help_text="reached the log after valid_until")
    leaf = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="signals")

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


class SignalOutcome(models.Model):
    """What the market did after a signal, along the finest candles there were.

    result: what ended it, in the signal's own direction: the stop-loss where the finest bar that
    tells holds both. touched: the barrier (one risk above or below the entry) that was touched
    first, NO_TRADE where none was, or both in one bar: the label that its class probabilities
    were about, whatever the signal said. Written once the horizon is over, however early it was
    decided: what ends early must not count first; known_ts says when that was. Times are market
    time in ms: the close of the bar that touched, or its open where that lay beyond. ended_ts:
    when it was left. Targets and stop-loss
    are followed beyond the first target, until the stop-loss, the third or the horizon's end.
    exit_price: the first target, the stop-loss (the open, where a bar opened beyond it) or the
    horizon's last close. r_multiple: in units of the risk; r_after_fees: less fee_bp of entry and
    of exit. entry_opens: [[ms after the close, open], ...] of the path's first bars, before
    anything was touched and before valid_until, for whoever enters up to ten minutes later.
    For NO_TRADE there is nothing but result, touched, ended_ts and entry_gap_bp.
    """

    signal = models.OneToOneField(Signal, models.PROTECT, related_name="outcome")
    status = models.CharField(max_length=16, choices=choices.outcome_statuses)
    reason = models.CharField(max_length=32, blank=True, choices=choices.ungradable_reasons)
    result = models.CharField(max_length=16, blank=True, choices=choices.signal_results)
    touched = models.CharField(max_length=8, blank=True, choices=choices.directions)
    path_timeframe = models.CharField(max_length=4, blank=True, choices=choices.path_timeframes)
    ended_ts = models.BigIntegerField(null=True)
    known_ts = models.BigIntegerField(help_text="from when it can be known: the horizon's end")
    entry_gap_bp = models.FloatField(null=True)
    stop_loss_ts = models.BigIntegerField(null=True)
    take_profit_1_ts = models.BigIntegerField(null=True)
    take_profit_2_ts = models.BigIntegerField(null=True)
    take_profit_3_ts = models.BigIntegerField(null=True)
    exit_price = models.FloatField(null=True)
    r_multiple = models.FloatField(null=True)
    r_after_fees = models.FloatField(null=True)
    fee_bp = models.FloatField(null=True)
    tp_minutes = models.FloatField(null=True, help_text="from the entry to the first target")
    eta_covered = models.BooleanField(null=True, help_text="tp_minutes inside the ETA's interval")
    entry_opens = models.JSONField(default=list)
    graded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-signal_id",)

    def __str__(self) -> str:
        return f"{self.signal_id}: {self.status} {self.result or self.reason}".rstrip()


class SignalGap(models.Model):
    """Why one symbol had no signal for a candle when it was due. A signal may have followed."""

    venue = models.CharField(max_length=96)
    live = models.BooleanField()
    symbol = models.CharField(max_length=30)
    timeframe = models.CharField(max_length=4, choices=choices.timeframes)
    candle_open = models.BigIntegerField()
    candle_close = models.BigIntegerField()
    batch = models.BigIntegerField()
    reason = models.CharField(max_length=32, choices=choices.signal_reasons)
    message = models.CharField(max_length=500, blank=True)
    predicted_at = models.DateTimeField(db_index=True, help_text="when it was told (market time)")
    made_ts = models.BigIntegerField()
    leaf = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="gaps")

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
