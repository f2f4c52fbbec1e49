"""Settings of a test session: its own VAR_DIR and Redis, whatever the developer's shell says.

pytest reads them before any conftest; each worker of pytest-xdist is a session of its own. A
child process that inherits the environment belongs to the same session unless its test gives it
a VAR_DIR of its own (`instance_env`). TEST_DATABASE=postgresql runs the tests that touch the
database, and those alone, on a PostgreSQL of the session's own (tests/postgres.py).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from cryptosite.processes.redis_layout import locate

_INSTANCE_NAMES = (
    "ALERT_HOLD_SECONDS",
    "ALERT_RECOVERY_SECONDS",
    "ALERT_URLS",
    "ALLOWED_HOSTS",
    "ALLOWED_ORIGINS",
    "API_RATE",
    "API_TOKEN",
    "BEHIND_TLS",
    "BIND_HOST",
    "CANDLE_EXCHANGE",
    "CONFIG_FILE",
    "DATABASE_URL",
    "DEBUG",
    "EXCHANGE",
    "EXCHANGE_URL",
    "FORECAST_SYMBOLS",
    "LEDGER_KEY_FILE",
    "LEDGER_ORIGIN",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "MARKET_REPLAY",
    "MARKET_SEED",
    "MARKET_SOURCE",
    "MARKET_SPEED",
    "MODEL_DEVICE",
    "MODEL_PATH",
    "MQTT_TIMEFRAME",
    "MQTT_TOPIC",
    "MQTT_URL",
    "PUBLIC_URL",
    "REDIS_HOST",
    "REDIS_MAXMEMORY",
    "REDIS_PORT",
    "SECRET_KEY",
    "SIGNALS_METRICS_PORT",
    "SIGNAL_SYMBOLS",
    "SIGNAL_ALERT_CONFIDENCE",
    "SIGNAL_ALERT_URLS",
    "WEBHOOK_SECRET",
    "WEBHOOK_URLS",
    "WEB_PORT",
)

_session = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("CRYPTOSITE_TEST_SESSION") != _session:
    _directory = tempfile.mkdtemp(prefix="cryptosite-")
    atexit.register(shutil.rmtree, _directory, ignore_errors=True)
    for _name in _INSTANCE_NAMES:
        os.environ.pop(_name, None)
    os.environ["CRYPTOSITE_TEST_SESSION"] = _session
    os.environ["VAR_DIR"] = _directory
    # No test's instance trains by itself, whatever day it is.
    os.environ["RETRAIN_SCHEDULE"] = "off"
    os.environ["REDIS_URL"] = locate(Path(_directory)).url

from cryptosite.settings import *  # noqa: E402, F403
from cryptosite.settings import DATABASES, VAR_DIR  # noqa: E402

match os.environ.get("TEST_DATABASE") or "sqlite":
    case "sqlite":
        # A file, not memory: threads and live servers each open a connection of their own.
        DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    case "postgresql":
        # Its address is known when tests/conftest.py has started it.
        DATABASES["default"] = dj_database_url.parse(
            "postgresql:///postgres", conn_max_age=600, conn_health_checks=True
        )
    case _other:
        raise ImproperlyConfigured(f"TEST_DATABASE={_other!r}: must be sqlite or postgresql")
# Made to be slow; no test is about how slow.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The manifest of collected files belongs to an instance.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
