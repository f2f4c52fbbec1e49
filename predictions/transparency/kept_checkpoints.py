"""Checkpoints that were kept elsewhere: files of one, or of many as anchoring writes them.

Read by anchoring and by `manage.py verify_ledger --against`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from predictions.transparency.checkpoints import TreeHead, open_checkpoint
from predictions.transparency.notes import NoteError, Verifier
from predictions.transparency.text_files import TextFileError, decoded, read_text

STDIN = "-"


def notes_in(text: str) -> list[str]:
    """Return the signed notes that follow each other in a text, with an empty line between."""
    # A checkpoint's text and its signatures have an empty line between them as well.
    parts = text.strip("\n").split("\n\n")
    if not text.strip():
        return []
    if len(parts) % 2:
        return [text]
    return ["\n\n".join(parts[at : at + 2]) + "\n" for at in range(0, len(parts), 2)]


def open_kept(name: str, trusted: Sequence[Verifier]) -> list[TreeHead]:
    """Return what the checkpoints in a file state; `-` is stdin. Raises NoteError."""
    try:
        text = decoded(sys.stdin.buffer.read()) if name == STDIN else read_text(Path(name))
        if not text.strip():
            raise NoteError("it is empty")
        return [open_checkpoint(note, trusted) for note in notes_in(text)]
    except (NoteError, TextFileError) as error:
        raise NoteError(f"the checkpoint {name} is not accepted: {error}") from error
