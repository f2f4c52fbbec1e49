"""The restarting wrapper as a process: restarts, signals, and what it does about the stubborn."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import PATIENCE_SECONDS, eventually_sync

WRAPPER = [sys.executable, "-m", "cryptosite.processes.supervise", "--"]

COUNTING = """
import os, pathlib, sys, time
path = pathlib.Path(sys.argv[1])
with path.open("a") as file:
    file.write(f"{os.getpid()}\\n")
if len(path.read_text().split()) < int(sys.argv[2]):
    sys.exit(int(sys.argv[3]))
time.sleep(600)
"""

POLITE = """
import pathlib, signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
pathlib.Path(sys.argv[1]).write_text("ready")
while not told:
    time.sleep(0.01)
pathlib.Path(sys.argv[1]).write_text("stopped cleanly")
"""

STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(600)
"""


def wrap(script: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [*WRAPPER, "python", "-c", script, *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def only_child(process: "subprocess.Popen[str]") -> int:
    (child,) = psutil.Process(process.pid).children()
    return int(child.pid)


def test_supervise_restarts_a_command_that_ends(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    process = wrap(COUNTING, runs, 3, 1)
    try:
        eventually_sync(lambda: len(read(runs).split()) == 3)
        assert process.poll() is None
    finally:
        process.terminate()
        _, told = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert told.count("ended with status 1; next try in") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_supervise_told_to_stop_lets_the_command_finish(
    number: signal.Signals, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    process = wrap(POLITE, said)
    eventually_sync(lambda: read(said) == "ready")
    child = only_child(process)
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert read(said) == "stopped cleanly"
    assert gone(child)
    process.communicate()


def test_supervise_kills_a_command_that_will_not_stop(tmp_path: Path) -> None:
    said = tmp_path / "said"
    process = wrap(STUBBORN, said)
    eventually_sync(lambda: read(said) == "ready")
    child = only_child(process)
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    assert gone(child)
    process.communicate()


def test_supervise_killed_outright_leaves_no_command_behind(tmp_path: Path) -> None:
    said = tmp_path / "said"
    process = wrap(POLITE, said)
    eventually_sync(lambda: read(said) == "ready")
    child = only_child(process)
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    eventually_sync(lambda: gone(child))


def test_supervise_of_refused_configuration_says_so_and_stays_stoppable(tmp_path: Path) -> None:
    process = wrap(COUNTING, tmp_path / "runs", 99, 78)
    assert process.stderr is not None
    told = process.stderr.readline()
    assert "configuration is refused" in told
    assert "next try in 30.0 s" in told
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    process.communicate()


def test_supervise_without_a_command_says_how_it_is_used() -> None:
    done = subprocess.run(WRAPPER, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 64
    assert "usage" in done.stderr


def test_supervise_of_a_missing_program_says_so_and_tries_again() -> None:
    process = subprocess.Popen([*WRAPPER, "/no/such/program"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "cannot start" in process.stderr.readline()
    assert "next try in" in process.stderr.readline()
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    process.communicate()
