"""Reading files that an operator names, keys and checkpoints: what is wrong is said in words.

Read by whoever signs, verifies and anchors.
"""

import os
from pathlib import Path


class TextFileError(ValueError):
    """The file is not there, may not be read, or holds no text."""


def read_text(path: Path) -> str:
    """Return what a file holds. Raises TextFileError, whose message does not name the file."""
    try:
        return decoded(path.read_bytes())
    except FileNotFoundError as error:
        raise TextFileError("there is no such file") from error
    except IsADirectoryError as error:
        raise TextFileError("it is a folder, not a file") from error
    except PermissionError as error:
        raise TextFileError("this user may not read it") from error
    except OSError as error:
        raise TextFileError(f"reading failed: {os.strerror(error.errno or 0)}") from error


def decoded(data: bytes) -> str:
    """Return bytes as text. Raises TextFileError where they are none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise TextFileError("it holds bytes that are no text (UTF-8)") from error
