"""A web process of its own, as `manage.py run_web` starts it, for tests from outside."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Self

from tests.collected import give_static_files
from tests.migrated import give_database
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, STOP_SECONDS, eventually_sync

ROOT = Path(__file__).resolve().parents[1]


class WebInstance:
    """Prepared once (database, static files), then started and stopped as often as needed.

    pages: whether it is to serve pages, which need static files.
    """

    def __init__(
        self, env: Mapping[str, str], *, redis_url: str, log: Path, pages: bool = True
    ) -> None:
        self.port = free_port()
        self._env = {**env, "REDIS_URL": redis_url, "WEB_PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        give_database(self._env)
        self._asked = "/" if pages else "/api/schema"
        if pages:
            give_static_files(self._env)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def static(self) -> Path:
        """Where the collected static files lie; another instance may serve them, too."""
        return Path(self._env["VAR_DIR"]) / "static"

    @property
    def pid(self) -> int:
        """The running process. Raises RuntimeError where none runs."""
        if self._process is None:
            raise RuntimeError("the instance is not started")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "run_web"],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            eventually_sync(self._answers)
        except BaseException:
            self.stop()  # nobody else would
            raise

    def stop(self) -> int:
        """End the process as an operator does; return its exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.terminate()
        try:
            return process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def beside(self, redis_url: str) -> "WebInstance":
        """Return another instance on the same files, prepared already, with another Redis."""
        other = copy(self)
        other.port = free_port()
        other._env = {**self._env, "REDIS_URL": redis_url, "WEB_PORT": str(other.port)}
        other._process = None
        return other

    def manage(self, *arguments: str) -> None:
        """Run a management command of the instance."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self._env, check=True
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self._asked, timeout=PATIENCE_SECONDS) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            raise RuntimeError(self._log.read_text()) from error
        except OSError:
            return False
