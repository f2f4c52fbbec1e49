"""Putting checkpoints where others keep them: a file, a git repository, a webhook.

Read by `manage.py anchor_ledger`. A place remembers the checkpoint that it got last; one that does
not continue that is never put there, so that a rewritten ledger cannot pass unseen.
"""

import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from predictions.models import Checkpoint
from predictions.transparency.checkpoints import TreeHead
from predictions.transparency.kept_checkpoints import notes_in
from predictions.transparency.notes import NoteError
from predictions.transparency.text_files import TextFileError, read_text
from predictions.transparency.tiles import read_nodes
from predictions.transparency.tree import (
    OutsideTreeError,
    ProofError,
    consistency_proof,
    verify_consistency,
)

TIMEOUT_SECONDS = 20.0
SUFFIX = ".checkpoint"
_AUTHOR = ("-c", "user.name=cryptosite", "-c", "user.email=cryptosite@localhost")


class AnchorError(RuntimeError):
    """The place cannot be reached, or holds what this ledger does not continue."""


class Anchor(Protocol):
    """A place. `last` is the text of the newest checkpoint there, "" before the first."""

    def last(self) -> str: ...

    def put(self, checkpoint: Checkpoint) -> str:
        """Put it there; return where. Raises AnchorError."""


def anchor(checkpoint: Checkpoint, place: Anchor) -> str | None:
    """Put a checkpoint into a place; None where that has it already.

    Raises AnchorError where the place holds a checkpoint that this one does not continue.
    """
    kept = place.last()
    if kept:
        last = _stated(kept)
        _check_continues(last, checkpoint)
        if last.size == checkpoint.size:
            return None
    return place.put(checkpoint)


@dataclass(frozen=True, slots=True)
class FileAnchor:
    """A file that grows by a checkpoint each time; or, where the path is a folder, one a size."""

    path: Path

    def last(self) -> str:
        try:
            if self.path.is_dir():
                return _newest_in(self.path)
            kept = notes_in(read_text(self.path)) if self.path.exists() else []
            return kept[-1] if kept else ""
        except (OSError, TextFileError) as error:
            raise AnchorError(f"{self.path} cannot be read: {error}") from error

    def put(self, checkpoint: Checkpoint) -> str:
        try:
            if self.path.is_dir():
                return str(_write_own_file(self.path, checkpoint))
            grown = self.path.exists() and self.path.stat().st_size > 0
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" + checkpoint.note if grown else checkpoint.note)
        except OSError as error:
            raise AnchorError(f"{self.path} cannot be written: {error}") from error
        return str(self.path)


@dataclass(frozen=True, slots=True)
class GitAnchor:
    """A repository that gets a commit with a file a checkpoint. Where it is pushed is its own."""

    path: Path

    def last(self) -> str:
        if not self.path.is_dir():
            raise AnchorError(f"{self.path} is no folder: make a git repository there first")
        self._git("rev-parse", "--git-dir")
        try:
            return _newest_in(self.path)
        except (OSError, TextFileError) as error:
            raise AnchorError(f"{self.path} cannot be read: {error}") from error

    def put(self, checkpoint: Checkpoint) -> str:
        try:
            written = _write_own_file(self.path, checkpoint)
        except OSError as error:
            raise AnchorError(f"{self.path} cannot be written: {error}") from error
        title = f"Anchor a ledger of {checkpoint.size} entries"
        try:
            self._git("add", "--", written.name)
            self._git("commit", "--quiet", "-m", title, "--", written.name)
        except AnchorError:
            # Else the next run would take it for anchored.
            written.unlink(missing_ok=True)
            raise
        return f"{written} in {self._git('rev-parse', 'HEAD')}"

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(self.path), *_AUTHOR, *arguments],
                capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise AnchorError("the program git is not installed here") from error
        except subprocess.TimeoutExpired as error:
            raise AnchorError(f"git did not end within {TIMEOUT_SECONDS:g} s") from error
        except subprocess.CalledProcessError as error:
            told = error.stderr.strip() or error.stdout.strip()
            raise AnchorError(f"git {arguments[0]} in {self.path} failed: {told}") from error
        return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class WebhookAnchor:
    """An address that gets each checkpoint by POST; `memory` is a file with the last it took."""

    url: str
    memory: Path

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise AnchorError(f"--url must begin with http:// or https://, not {self.url:.40}")

    def last(self) -> str:
        return FileAnchor(self.memory).last()

    def put(self, checkpoint: Checkpoint) -> str:
        request = urllib.request.Request(  # noqa: S310  (checked above)
            self.url,
            checkpoint.note.encode(),
            {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "cryptosite"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                status = answer.status
        except urllib.error.HTTPError as error:
            raise AnchorError(f"{self.url} answered {error.code} {error.reason}") from error
        except (urllib.error.URLError, TimeoutError, OSError) as error:
            raise AnchorError(f"{self.url} cannot be reached: {error}") from error
        try:
            self.memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.memory.write_text(checkpoint.note)
        except OSError as error:
            raise AnchorError(f"{self.memory} cannot be written: {error}") from error
        return f"{self.url} ({status})"


def _check_continues(last: TreeHead, checkpoint: Checkpoint) -> None:
    now = _stated(checkpoint.note)
    if last.origin != now.origin:
        raise AnchorError(f"the place holds checkpoints of {last.origin}, not of {now.origin}")
    try:
        if last.size > now.size:
            raise ProofError(f"it has {now.size} entries, fewer")
        path = consistency_proof(last.size, now.size, read_nodes)
        verify_consistency(last.size, now.size, last.root, now.root, path)
    except (ProofError, OutsideTreeError) as error:
        raise AnchorError(
            f"the ledger does not continue the checkpoint of {last.size} entries that lies there: "
            f"{error}. Nothing was put there; run manage.py verify_ledger --against it"
        ) from error


def _stated(note: str) -> TreeHead:
    # Its signature is for others to check: this place is the operator's own.
    text, gap, _ = note.rpartition("\n\n")
    try:
        return TreeHead.from_text(text + "\n" if gap else note)
    except NoteError as error:
        raise AnchorError(f"what lies there is no checkpoint: {error}") from error


def _newest_in(folder: Path) -> str:
    found = [path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()]
    return read_text(max(found, key=lambda path: int(path.stem))) if found else ""


def _write_own_file(folder: Path, checkpoint: Checkpoint) -> Path:
    path = folder / f"{checkpoint.size:012}{SUFFIX}"
    path.write_text(checkpoint.note)
    return path
