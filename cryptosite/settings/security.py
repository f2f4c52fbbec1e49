"""Safe from the first day: loopback, no DEBUG, a key of this instance's own."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.paths import VAR_DIR
from market.addresses import is_loopback


def _own_secret_key(var_dir: Path) -> str:
    try:
        return _stored_secret_key(var_dir / "secret_key")
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR={str(var_dir)!r} is no folder that can be written to: {error}"
        ) from error


def _stored_secret_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # O_EXCL: of several processes that start together, one writes and the others read.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    key = secrets.token_urlsafe(50)
    with os.fdopen(handle, "w") as file:
        file.write(key)
    return key


DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", secret=True)
if not SECRET_KEY:
    SECRET_KEY = _own_secret_key(VAR_DIR)
    env.note("SECRET_KEY", SECRET_KEY, f"generated, {VAR_DIR / 'secret_key'}")

BIND_HOST = env.text("BIND_HOST", "127.0.0.1")
WEB_PORT = env.integer("WEB_PORT", 8000, minimum=1, maximum=65535)
ASGI_SERVER = env.choice("ASGI_SERVER", "daphne", ("daphne", "uvicorn"))
API_TOKEN = env.text("API_TOKEN", secret=True)
if not is_loopback(BIND_HOST) and not API_TOKEN:
    raise ImproperlyConfigured(
        f"BIND_HOST={BIND_HOST!r} is reachable from other machines: set API_TOKEN as well, "
        "or bind 127.0.0.1"
    )

ALLOWED_HOSTS = list(env.items("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]")))
ALLOWED_ORIGINS = list(
    env.items("ALLOWED_ORIGINS", tuple(f"http://{host}:{WEB_PORT}" for host in ALLOWED_HOSTS))
)
"""Origins from which a browser may open the WebSocket."""
CSRF_TRUSTED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if "://" in origin]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_TLS = env.flag("BEHIND_TLS", False)
"""Set where a reverse proxy ends TLS: cookies are then sent over HTTPS alone."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
