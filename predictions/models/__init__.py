"""The ledger's rows: what was said, and apart from it what came true.

Rows are only ever inserted. A forecast is unique by venue, tick, symbol and model version, a
signal by venue, symbol, timeframe, candle, model version and revision, a packed entry by its hash,
so that reading a log entry twice stores it once. Apart from them: who was told what
(`alerting`), and what was trained and promoted (`retraining`).
"""

from predictions.models.alerting import AlertLead, Channel, Delivery, DeliveryState, Incident
from predictions.models.forecasts import Forecast, ForecastOutcome
from predictions.models.log import Checkpoint, LedgerEntry, LogTile, Pruning
from predictions.models.retraining import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    RollbackWatch,
    TrainingRun,
    TrainingTrial,
)
from predictions.models.rollups import ForecastRollup
from predictions.models.signals import Signal, SignalGap, SignalOutcome

__all__ = [
    "AlertLead",
    "Channel",
    "Checkpoint",
    "Delivery",
    "DeliveryState",
    "DriftReading",
    "Forecast",
    "ForecastOutcome",
    "ForecastRollup",
    "GateVerdict",
    "Incident",
    "LedgerEntry",
    "LogTile",
    "ModelVersion",
    "Promotion",
    "Pruning",
    "RollbackWatch",
    "Signal",
    "SignalGap",
    "SignalOutcome",
    "TrainingRun",
    "TrainingTrial",
]
