"""SQLite under var/ by default, PostgreSQL by DATABASE_URL."""

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.paths import VAR_DIR

DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'cryptosite.sqlite3'}", secret=True)


def _parse(url: str) -> dj_database_url.DBConfig:
    try:
        return dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL: {error}; write sqlite:///path or postgres://user:password@host/name"
        ) from error


_default = _parse(DATABASE_URL)
if _default["ENGINE"] == "django.db.backends.sqlite3":
    _default["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what the recorder acknowledges must survive a power cut that comes right after.
        # Recursive triggers: a REPLACE, too, meets those that refuse to delete.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " PRAGMA recursive_triggers=ON;",
    }
DATABASES = {"default": _default}
