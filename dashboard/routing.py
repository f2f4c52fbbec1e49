"""WebSocket paths."""

from channels.security.websocket import WebsocketDenier
from django.urls import URLPattern, re_path

from dashboard.consumers import PredictionsConsumer

websocket_urlpatterns: list[URLPattern] = [
    re_path(r"^ws/predictions/$", PredictionsConsumer.as_asgi()),
    re_path(r"^ws/predictions/(?P<symbol>[^/]{1,60})/$", PredictionsConsumer.as_asgi()),
    re_path(r"", WebsocketDenier.as_asgi()),
]
