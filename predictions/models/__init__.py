"""The ledger's rows: what was said, and apart from it what came true.

Rows are only ever inserted. A forecast is unique by venue, tick, symbol and model version, a
signal by venue, symbol, timeframe, candle, model version and revision, a packed entry by its hash,
so that reading a log entry twice stores it once. Apart from them, in `alerting`, who was told what.
"""

from predictions.models.alerting import AlertLead, Channel, Delivery, DeliveryState, Incident
from predictions.models.forecasts import Forecast, ForecastOutcome
from predictions.models.log import Checkpoint, LedgerEntry, LogTile, Pruning
from predictions.models.rollups import ForecastRollup
from predictions.models.signals import Signal, SignalGap, SignalOutcome

__all__ = [
    "AlertLead",
    "Channel",
    "Checkpoint",
    "Delivery",
    "DeliveryState",
    "Forecast",
    "ForecastOutcome",
    "ForecastRollup",
    "Incident",
    "LedgerEntry",
    "LogTile",
    "Pruning",
    "Signal",
    "SignalGap",
    "SignalOutcome",
]
