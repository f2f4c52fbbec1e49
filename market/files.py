"""Files that are replaced whole, so that a reader meets the old content or the new one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def replace_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, bring it to the disk, put it in its place in one step.

    Raises OSError, and whatever `write` raises; `path` is then as it was.
    """
    handle, temporary = tempfile.mkstemp(prefix=".part-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
