"""`anchor_ledger`: checkpoints where others keep them, and never one that rewrites the last."""

import io
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from predictions.models import Checkpoint, LedgerEntry, LogTile
from predictions.transparency.checkpoints import open_checkpoint, sign_checkpoint
from predictions.transparency.notes import Signer
from tests.integration.checked_ledger import SIGNER
from tests.integration.tampering import tampering
from tests.integration.test_transparency_log import append

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path / "var"


def grow(*numbers: int, signer: Signer = SIGNER) -> Checkpoint:
    append(*numbers)
    checkpoint = sign_checkpoint(signer)
    assert checkpoint is not None
    return checkpoint


def anchor(*arguments: object) -> str:
    out = io.StringIO()
    call_command("anchor_ledger", *map(str, arguments), stdout=out)
    return out.getvalue()


def rewrite() -> Checkpoint:
    """Make another ledger of more entries, signed by the same key."""
    with tampering():
        for model in (Checkpoint, LogTile, LedgerEntry):
            model.objects.all().delete()
    return grow(*range(1000, 1400))


def sizes(text: str) -> list[int]:
    notes = text.strip("\n").split("\n\n")
    pairs = zip(notes[::2], notes[1::2], strict=True)
    return [open_checkpoint("\n\n".join(p) + "\n", [SIGNER.verifier]).size for p in pairs]


def test_file_grows_by_each_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "anchors.txt"
    grow(*range(10))
    assert "anchored 10 entries" in anchor("--to", "file", "--path", path)
    grow(*range(10, 300))
    anchor("--to", "file", "--path", path)
    assert "lies there already" in anchor("--to", "file", "--path", path)
    assert sizes(path.read_text()) == [10, 300]


def test_folder_gets_a_file_a_size(tmp_path: Path) -> None:
    for end in (10, 20):
        checkpoint = grow(*range(end - 10, end))
        anchor("--to", "file", "--path", tmp_path)
        assert (tmp_path / f"{end:012}.checkpoint").read_text() == checkpoint.note


@pytest.mark.parametrize("in_folder", [True, False])
def test_rewritten_ledger_is_not_anchored(tmp_path: Path, in_folder: bool) -> None:
    path = tmp_path if in_folder else tmp_path / "anchors.txt"
    grow(*range(300))
    anchor("--to", "file", "--path", path)
    before = sorted((each.name, each.read_bytes()) for each in tmp_path.iterdir())
    rewrite()
    with pytest.raises(CommandError, match="does not continue the checkpoint of 300 entries"):
        anchor("--to", "file", "--path", path)
    assert sorted((each.name, each.read_bytes()) for each in tmp_path.iterdir()) == before


def test_shorter_ledger_or_one_of_another_name_is_not_anchored(tmp_path: Path) -> None:
    path = tmp_path / "anchors.txt"
    grow(*range(300))
    anchor("--to", "file", "--path", path)
    with tampering():
        for model in (Checkpoint, LogTile, LedgerEntry):
            model.objects.all().delete()
    grow(*range(100))
    with pytest.raises(CommandError, match="100 entries, fewer"):
        anchor("--to", "file", "--path", path)
    with tampering():
        Checkpoint.objects.all().delete()
    grow(100, signer=Signer.generate("example.org/other"))
    with pytest.raises(CommandError, match=r"of example\.org/log, not of example\.org/other"):
        anchor("--to", "file", "--path", path)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_git_repository_gets_a_commit_a_checkpoint(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for end in (10, 20):
        grow(*range(end - 10, end))
        assert f"anchored {end} entries" in anchor("--to", "git", "--path", tmp_path)
    assert "lies there already" in anchor("--to", "git", "--path", tmp_path)
    titles = git(tmp_path, "log", "--format=%s").splitlines()
    assert titles == ["Anchor a ledger of 20 entries", "Anchor a ledger of 10 entries"]
    assert git(tmp_path, "status", "--porcelain") == ""
    rewrite()
    with pytest.raises(CommandError, match="does not continue"):
        anchor("--to", "git", "--path", tmp_path)


def test_checkpoint_whose_commit_was_refused_is_committed_the_next_time(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    grow(*range(10))
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(CommandError, match=r"git commit in .* failed"):
        anchor("--to", "git", "--path", tmp_path)
    hook.unlink()
    assert "anchored 10 entries" in anchor("--to", "git", "--path", tmp_path)
    assert git(tmp_path, "log", "--format=%s").splitlines() == ["Anchor a ledger of 10 entries"]
    assert git(tmp_path, "status", "--porcelain") == ""


def test_folder_that_is_no_repository_or_missing_git_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(0)
    with pytest.raises(CommandError, match="not a git repository"):
        anchor("--to", "git", "--path", tmp_path)
    with pytest.raises(CommandError, match="is no folder"):
        anchor("--to", "git", "--path", tmp_path / "absent")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="git is not installed"):
        anchor("--to", "git", "--path", tmp_path)


@dataclass
class Listener:
    """A webhook's other end. status: what it answers."""

    status: int = 200
    taken: list[str] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[tuple[str, Listener]]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if listener.status == 200:
                listener.taken.append(body.decode())
            self.send_response(listener.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/anchor", listener
        server.shutdown()
        thread.join()


def test_webhook_gets_each_checkpoint_once(webhook: tuple[str, Listener]) -> None:
    url, listener = webhook
    first = grow(*range(10))
    anchor("--to", "webhook", "--url", url)
    assert "lies there already" in anchor("--to", "webhook", "--url", url)
    second = grow(*range(10, 20))
    anchor("--to", "webhook", "--url", url)
    assert listener.taken == [first.note, second.note]
    rewrite()
    with pytest.raises(CommandError, match="does not continue"):
        anchor("--to", "webhook", "--url", url)
    assert len(listener.taken) == 2


def test_webhook_that_refuses_is_told_and_asked_again(webhook: tuple[str, Listener]) -> None:
    url, listener = webhook
    grow(0)
    listener.status = 500
    with pytest.raises(CommandError, match="answered 500"):
        anchor("--to", "webhook", "--url", url)
    listener.status = 200
    assert "anchored 1 entries" in anchor("--to", "webhook", "--url", url)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--to", "file"), "needs --path"),
        (("--to", "git", "--url", "http://x"), "needs --path"),
        (("--to", "webhook", "--path", "x"), "needs --url"),
        (("--to", "webhook", "--url", "file:///etc/passwd"), "must begin with http"),
        (("--to", "webhook", "--url", "http://127.0.0.1:9/"), "cannot be reached"),
        (("--to", "file", "--path", "/proc/nothing"), "cannot be written"),
    ],
)
def test_place_that_cannot_be_reached_is_told(arguments: tuple[str, ...], told: str) -> None:
    grow(0)
    with pytest.raises(CommandError, match=told):
        anchor(*arguments)


def test_place_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "anchors.txt"
    path.write_text("shopping list\n")
    grow(0)
    with pytest.raises(CommandError, match="is no checkpoint"):
        anchor("--to", "file", "--path", path)
    assert path.read_text() == "shopping list\n"


def test_without_a_checkpoint_nothing_is_anchored(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no checkpoint was signed yet"):
        anchor("--to", "file", "--path", tmp_path / "anchors.txt")


def test_damaged_key_is_told_beside_what_is_anchored(tmp_path: Path, settings: Settings) -> None:
    grow(0)
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.LEDGER_KEY_FILE.write_text("hello")
    told = io.StringIO()
    arguments = ("--to", "file", "--path", str(tmp_path / "anchors.txt"))
    call_command("anchor_ledger", *arguments, stdout=io.StringIO(), stderr=told)
    assert "no newer checkpoint can be signed" in told.getvalue()
    assert sizes((tmp_path / "anchors.txt").read_text()) == [1]
