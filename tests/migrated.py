"""An instance's database with all its tables, made once for all instances of the tests.

To migrate takes a process and some seconds of a core. It is kept in pytest's cache, where every
worker and the next session find it; `make clean` removes it.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.environment import instance_environment

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "databases"
NAME = "cryptosite.sqlite3"
MADE_BY = (
    "cryptosite/settings/applications.py",
    "cryptosite/settings/database.py",
    "requirements/serve.txt",
)
"""What decides which tables there are, beside our own migrations."""


def give_database(env: Mapping[str, str]) -> None:
    """Put a migrated database into the instance of `env`, where there is none yet."""
    instance = Path(env["VAR_DIR"])
    instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (instance / NAME).exists():
        shutil.copy(_migrated(), instance / NAME)


def _migrated() -> Path:
    digest = hashlib.sha256()
    for path in (*map(ROOT.joinpath, MADE_BY), *sorted(ROOT.glob("*/migrations/*.py"))):
        digest.update(path.read_bytes())
    kept = KEPT / digest.hexdigest()[:16]
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            making = KEPT / "making"
            shutil.rmtree(making, ignore_errors=True)
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "-v0"],
                cwd=ROOT,
                env=instance_environment(making),
                check=True,
            )
            making.rename(kept)
    return kept / NAME
