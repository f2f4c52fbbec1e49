"""A network's file, read whole within bounds, and nothing of it run.

Read by whoever opens networks, and by the catalogue of what is served, which opens none.
"""

from pathlib import Path

from inference.artefacts.errors import ArtefactError, Refusal

MAX_NETWORK_BYTES = 268_435_456


def read_network(path: Path) -> bytes:
    """Read an ONNX file whole, so that its digest is that of what is served.

    Raises ArtefactError: artefact_missing, or artefact_refused where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_NETWORK_BYTES + 1)
    except FileNotFoundError as error:
        raise ArtefactError(Refusal.MISSING, path, "there is no such file") from error
    except OSError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_NETWORK_BYTES:
        raise ArtefactError(Refusal.REFUSED, path, f"is larger than {MAX_NETWORK_BYTES} bytes")
    return content
