"""Starts the process that seals and prunes recordings, one at a time, beside the market's."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import structlog

import market

NICENESS = 10
_SOURCE = Path(market.__file__).resolve().parents[1]

log = structlog.get_logger(__name__)


class Upkeep:
    """`look` now and then; `again` where an hour has ended."""

    def __init__(self, root: Path, retention_days: int) -> None:
        self.counters: Counter[str] = Counter()
        self._command = [
            sys.executable, "-m", "market.recording.sealing", str(root), str(retention_days)
        ]  # fmt: skip
        self._running: subprocess.Popen[bytes] | None = None
        self._asked = any(root.glob("*/*/*/*"))  # what an earlier process left

    def look(self, *, again: bool = False) -> None:
        """Count what ended; start where asked to. Where it cannot start, the next hour's does."""
        self._asked = self._asked or again
        if self._running is not None:
            code = self._running.poll()
            if code is None:
                return
            self._account(self._running, code)
            self._running = None
        if self._asked:
            self._asked = False
            try:
                self._running = self._start()
            except OSError as error:
                self.counters["sealings_failed"] += 1
                log.error("sealing_not_started", error=str(error))

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            cwd=_SOURCE,
            stdin=subprocess.DEVNULL,
            process_group=0,  # a Ctrl-C for the market lets it end its work
            stdout=subprocess.PIPE,
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        return process

    def _account(self, ended: subprocess.Popen[bytes], code: int) -> None:
        self.counters["sealings"] += 1
        if code:
            self.counters["sealings_failed"] += 1
            log.error("sealing_failed", exit_status=code)
        with ended.stdout or open(os.devnull, "rb") as told:
            try:
                self.counters.update(json.loads(told.read()))
            except ValueError:
                return  # it died before it could say
