"""URLs of the REST API."""

from django.urls import URLPattern, path, re_path

from predictions.api.accuracy import accuracy
from predictions.api.candles import candles
from predictions.api.current_signals import prediction, predictions, summary
from predictions.api.errors import not_found
from predictions.api.forecasts import ForecastDetail, ForecastList
from predictions.api.health import health
from predictions.api.ledger import (
    CheckpointView,
    ConsistencyView,
    EntryView,
    KeyView,
    ProofView,
    TileView,
)
from predictions.api.metrics import metrics
from predictions.api.model_history import ModelHistory, ModelRun
from predictions.api.model_ranking import model_ranking
from predictions.api.model_words import ModelWords
from predictions.api.predict import predict
from predictions.api.schema.pages import SchemaView
from predictions.api.served_models import card_text, models
from predictions.api.signals import SignalDetail, SignalList
from predictions.api.system import system
from predictions.api.tradeable import tradeable

urlpatterns: list[URLPattern] = [
    path("predict", predict, name="predict"),
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("api/predictions", predictions, name="predictions"),
    path("api/predictions/<str:symbol>", prediction, name="prediction"),
    path("api/predictions/<str:symbol>/summary", summary, name="prediction-summary"),
    path("api/forecasts", ForecastList.as_view(), name="forecasts"),
    path("api/forecasts/<int:pk>", ForecastDetail.as_view(), name="forecast"),
    path("api/signals", SignalList.as_view(), name="signals"),
    path("api/signals/<int:pk>", SignalDetail.as_view(), name="signal"),
    path("api/candles", candles, name="candles"),
    path("api/accuracy", accuracy, name="accuracy"),
    path("api/tradeable/<str:symbol>", tradeable, name="tradeable"),
    path("api/ledger/checkpoint", CheckpointView.as_view(), name="ledger-checkpoint"),
    path("api/ledger/proof/<int:pk>", ProofView.as_view(), name="ledger-proof"),
    path("api/ledger/consistency", ConsistencyView.as_view(), name="ledger-consistency"),
    path("api/ledger/entry/<int:pk>", EntryView.as_view(), name="ledger-entry"),
    path("api/ledger/key", KeyView.as_view(), name="ledger-key"),
    path("api/ledger/tile/<int:level>/<path:tile>", TileView.as_view(), name="ledger-tile"),
    path("api/models", models, name="models"),
    path("api/models/history", ModelHistory.as_view(), name="model-history"),
    path("api/models/ranking", model_ranking, name="model-ranking"),
    path("api/models/runs/<int:pk>", ModelRun.as_view(), name="model-run"),
    path("api/models/words", ModelWords.as_view(), name="model-words"),
    path("api/models/<str:name>/card", card_text, name="model-card"),
    path("api/system", system, name="system"),
    path("api/schema", SchemaView.as_view(), name="schema"),
    re_path(r"^api/(?P<rest>.*)$", not_found),
]
