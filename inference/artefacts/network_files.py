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
            if not stat.S_ISREG(found.st_mode):
                raise ArtefactError(Refusal.REFUSED, path, "is a device or a pipe, not a file")
            content = file.read(most + 1) if found.st_size <= most else None
    except FileNotFoundError as error:
        raise ArtefactError(Refusal.MISSING, path, "there is no such file") from error
    except OSError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"cannot be read: {error.strerror}") from error
    if content is None or len(content) > most:
        raise ArtefactError(Refusal.REFUSED, path, f"is larger than {most} bytes")
    return content
