"""URLs of the pages."""

from django.urls import URLPattern, path

from dashboard.pages.accuracy import accuracy
from dashboard.pages.forecast import forecast
from dashboard.pages.icon import icon
from dashboard.pages.live import live
from dashboard.pages.models import models
from dashboard.pages.signal import signal
from dashboard.pages.signals import signals
from dashboard.pages.symbol import symbol
from dashboard.pages.system import system

app_name = "dashboard"
urlpatterns: list[URLPattern] = [
    path("", live, name="live"),
    path("signals", signals, name="signals"),
    path("symbols/<str:asked>", symbol, name="symbol"),
    path("accuracy", accuracy, name="accuracy"),
    path("models", models, name="models"),
    path("system", system, name="system"),
    path("signals/<int:pk>", signal, name="signal"),
    path("forecasts/<int:pk>", forecast, name="forecast"),
    # The admin's pages name no icon, so browsers ask for this one.
    path("favicon.ico", icon),
]
