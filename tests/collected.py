"""Static files as an instance collects them, collected once for all instances of the tests.

To compress them takes ten seconds of a core. They are kept in pytest's cache, where every worker
and the next session find them; `make clean` removes them.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.environment import instance_environment

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "static-files"
MADE_BY = (
    "cryptosite/setting_up.py",
    "cryptosite/settings/applications.py",
    "dashboard/collected.py",
    "dashboard/static_files.py",
    "requirements/serve.txt",
)
"""What decides how files are collected; which files, the product's own stamp knows."""

_COLLECT = (
    "import django; django.setup(); "
    "from cryptosite.setting_up import collect_static; collect_static(print)"
)


def give_static_files(env: Mapping[str, str]) -> None:
    """Put collected files, and the stamp that says so, into the instance of `env`."""
    instance = Path(env["VAR_DIR"])
    instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _collected() as collected:
        shutil.copytree(collected / "static", instance / "static")
        shutil.copy2(collected / "static.stamp", instance)


@contextmanager
def _collected() -> Iterator[Path]:
    digest = hashlib.sha256()
    for name in MADE_BY:
        digest.update((ROOT / name).read_bytes())
    folder = KEPT / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        # Held while they are copied, too: nobody collects anew meanwhile.
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(
            [sys.executable, "-c", _COLLECT],
            cwd=ROOT,
            env=instance_environment(folder),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        yield folder
