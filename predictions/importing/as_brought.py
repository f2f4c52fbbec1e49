"""A user's files while they are tried: copies in a folder, which errors name by the user's own."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inference.artefacts.errors import ArtefactError


@contextmanager
def copies(brought: Mapping[str, Path], otherwise: Path) -> Iterator[Path]:
    """Give a folder to lay a version down in.

    brought: names in it to the user's file that is meant; otherwise: for all other names.
    An ArtefactError of a file in the folder, or of the folder, is raised anew of the user's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            yield folder
        except ArtefactError as error:
            if folder not in (error.path, error.path.parent):
                raise
            own = brought.get(error.path.name, otherwise)
            raise ArtefactError(error.code, own, error.message) from error


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder: names to bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
