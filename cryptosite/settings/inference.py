"""The forecast service's YAML (CONFIG_FILE), checked against the specification's keys."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.paths import BASE_DIR
from inference.config import ConfigError, load_config
from market.symbols import parse_symbol

CONFIG_FILE = Path(env.text("CONFIG_FILE", str(BASE_DIR / "config" / "inference.yaml")))
try:
    INFERENCE, INFERENCE_ORIGINS = load_config(CONFIG_FILE, os.environ, BASE_DIR)
except ConfigError as refusal:
    raise ImproperlyConfigured(str(refusal)) from refusal

FORECAST_SYMBOLS = env.items("FORECAST_SYMBOLS", ("BTCUSDT",), parse_symbol)
