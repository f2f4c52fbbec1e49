"""Manifests as files: read within bounds, written in one step, digests compared.

Read by both engines' registries and by training.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from inference.artefacts.errors import ArtefactError, Refusal

MAX_MANIFEST_BYTES = 1_048_576
SCALER_NAME = "scaler.pkl"


def read_bounded(path: Path) -> bytes | None:
    """Read a manifest's bytes; None where there is no such file.

    Raises ArtefactError (manifest_invalid) where it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtefactError(Refusal.MANIFEST, path, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_MANIFEST_BYTES:
        raise ArtefactError(Refusal.MANIFEST, path, f"is larger than {MAX_MANIFEST_BYTES} bytes")
    return content


def write_card(card: msgspec.Struct, path: Path) -> None:
    """Write a manifest or a pointer as JSON, replacing the file in one step.

    Raises msgspec.ValidationError where it could not be read back.
    """
    # NaN has no place in JSON: msgspec writes what was not measured as null.
    encoded = msgspec.json.encode(card, enc_hook=_builtin)
    msgspec.json.decode(encoded, type=type(card))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.tmp")
    draft.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
    os.replace(draft, path)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digests(folder: Path, files: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Compare the files in `folder` with the digests that a manifest gives them.

    known: digests of what was read already. Raises ArtefactError naming the file.
    """
    for name, expected in files.items():
        path = folder / name
        try:
            actual = known.get(name) or file_digest(path)
        except OSError as error:
            message = f"cannot be read: {error.strerror}; the manifest names it"
            code = Refusal.SCALER_MISSING if name == SCALER_NAME else Refusal.MISSING
            raise ArtefactError(code, path, message) from error
        if actual != expected:
            message = f"has SHA-256 {actual}, the manifest says {expected}"
            raise ArtefactError(Refusal.DIGEST, path, message)


def _builtin(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a manifest cannot hold a {type(value).__name__}")
