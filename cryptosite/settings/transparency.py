"""The transparency log: under which name, and with which key, its checkpoints are signed."""

import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.settings.paths import VAR_DIR

LEDGER_ORIGIN = env.text("LEDGER_ORIGIN")
"""The log's name in checkpoints; empty: the key file's, which is made with a random one."""
if not re.fullmatch(r"[^\s+]{0,200}", LEDGER_ORIGIN):
    raise ImproperlyConfigured(
        f"LEDGER_ORIGIN={LEDGER_ORIGIN!r:.80}: must be at most 200 characters without spaces and "
        "plus signs, such as example.org/ledger"
    )

LEDGER_KEY_FILE = Path(env.text("LEDGER_KEY_FILE", str(VAR_DIR / "ledger_key")))
"""The private key; made where there is none."""
