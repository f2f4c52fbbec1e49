"""What is shipped in `models/`, as tests name it."""

import json
from pathlib import Path

_MODELS = Path(__file__).resolve().parents[1] / "models"

SHIPPED: str = json.loads((_MODELS / "btc_predictor_v1.manifest.json").read_bytes())["version"]
