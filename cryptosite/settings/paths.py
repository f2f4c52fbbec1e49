"""Where things lie. `VAR_DIR` holds all that a running instance writes."""

from pathlib import Path

from cryptosite import env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var"))).resolve()
