"""The REST API: read-only, JSON, at most so many requests a client."""

import re

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.security import BEHIND_TLS

API_RATE = env.text("API_RATE", "1200/minute")
"""Requests that one client (an address) may send: a full period's at once, then evenly."""
if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", API_RATE):
    raise ImproperlyConfigured(
        f"API_RATE={API_RATE!r}: must be a count and second, minute, hour or day, "
        "such as 1200/minute"
    )

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": ["predictions.api.throttling.ClientThrottle"],
    # Where a reverse proxy stands in front, the address is the one that it names.
    "NUM_PROXIES": 1 if BEHIND_TLS else 0,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "predictions.api.schema.describing.ApiSchema",
    "EXCEPTION_HANDLER": "predictions.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%f+00:00",
}
"""Who may ask at all is settled before any view, by `cryptosite.access`."""

SPECTACULAR_SETTINGS = {
    "TITLE": "cryptosite",
    "DESCRIPTION": "Candle signals and 10-second forecasts, and the ledger of both. Read-only. "
    "Unknown is null; every answer says which market it is of, and whether that is a real one.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Values are told where they stand: names for shared enumerations would have to be kept by hand.
    "POSTPROCESSING_HOOKS": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "APPEND_COMPONENTS": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "SECURITY": [{"token": []}, {}],
}
"""The OpenAPI document. Without API_TOKEN no token is needed: hence the empty alternative."""
