"""A network's file, read whole within bounds, and nothing of it run.

Read by whoever opens networks, and by the catalogue of what is served, which opens none.
"""

import os
import stat
from pathlib import Path

from inference.artefacts.errors import ArtefactError, Refusal

MAX_NETWORK_BYTES = 268_435_456


def read_network(path: Path) -> bytes:
    """Read an ONNX file whole, so that its digest is that of what is served.

    Raises ArtefactError: artefact_missing, or artefact_refused where it cannot be read.
    """
    return read_whole(path, MAX_NETWORK_BYTES)


def read_whole(path: Path, most: int) -> bytes:
    """Read a file of at most so many bytes; of a larger one, a folder or a pipe nothing is read.

    Raises ArtefactError: artefact_missing, or artefact_refused where it cannot be read.
    """
    try:
        # A pipe would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            _check(path, found, most)
            content = file.read(most + 1)
    except FileNotFoundError as error:
        raise ArtefactError(Refusal.MISSING, path, "there is no such file") from error
    except OSError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise _too_large(path, most)
    return content


def _check(path: Path, found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
        raise ArtefactError(Refusal.REFUSED, path, f"is {kind}, not a file")
    if found.st_size > most:
        raise _too_large(path, most)


def _too_large(path: Path, most: int) -> ArtefactError:
    return ArtefactError(Refusal.REFUSED, path, f"is larger than {most} bytes")
