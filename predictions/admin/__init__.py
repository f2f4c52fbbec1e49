"""The ledger in the admin, for looking only: what was said, what came true, what was trained."""

from django.contrib import admin

from predictions.admin.alerting import DeliveryAdmin, IncidentAdmin
from predictions.admin.forecasts import ForecastAdmin, ForecastOutcomeAdmin
from predictions.admin.log import (
    CheckpointAdmin,
    ForecastRollupAdmin,
    LedgerEntryAdmin,
    PruningAdmin,
)
from predictions.admin.signals import SignalAdmin, SignalGapAdmin, SignalOutcomeAdmin
from predictions.admin.training import GateVerdictAdmin, TrainingRunAdmin, TrainingTrialAdmin
from predictions.admin.versions import (
    DriftReadingAdmin,
    ModelVersionAdmin,
    PromotionAdmin,
    RollbackWatchAdmin,
)

__all__ = [
    "CheckpointAdmin",
    "DeliveryAdmin",
    "DriftReadingAdmin",
    "ForecastAdmin",
    "ForecastOutcomeAdmin",
    "ForecastRollupAdmin",
    "GateVerdictAdmin",
    "IncidentAdmin",
    "LedgerEntryAdmin",
    "ModelVersionAdmin",
    "PromotionAdmin",
    "PruningAdmin",
    "RollbackWatchAdmin",
    "SignalAdmin",
    "SignalGapAdmin",
    "SignalOutcomeAdmin",
    "TrainingRunAdmin",
    "TrainingTrialAdmin",
]

admin.site.site_header = admin.site.site_title = "cryptosite"
admin.site.index_title = "Ledger and accounts"
admin.site.enable_nav_sidebar = False  # the ledger's columns need its room
