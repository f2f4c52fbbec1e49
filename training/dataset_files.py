"""The file of a dataset: its columns, what is said of them, and a digest of the columns.

Written and read by both engines' datasets.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from market.files import replace_whole
from training.recordings import TrainingDataError

Array = npt.NDArray[Any]

_CONTENT = "content"


def content_digest(columns: Mapping[str, Array]) -> str:
    """Return the SHA-256 over columns and their names."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(columns[name]).tobytes())
    return digest.hexdigest()


def write_columns(path: Path, columns: Mapping[str, Array], said: Mapping[str, object]) -> None:
    """Write columns and what is said of them to one file, replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {name: np.array(value) for name, value in said.items()}
    words[_CONTENT] = np.array(content_digest(columns))
    replace_whole(
        path, lambda file: np.savez_compressed(file, allow_pickle=False, **columns, **words)
    )


def read_columns(
    path: Path, columns: Sequence[str], said: Sequence[str]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the columns of these names, and what is said of them, each by name.

    Raises TrainingDataError where there is no file, it has others, or its columns are not what
    was written.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            values: dict[str, Array] = {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{path} is no dataset: {error}; run build_dataset") from error
    if values.keys() == {*columns, *said, _CONTENT}:
        found = {name: values[name] for name in columns}
        if str(values[_CONTENT]) == content_digest(found):
            return found, {name: values[name] for name in said}
    raise TrainingDataError(f"{path} is damaged or of another version; run build_dataset")


def texts_of(values: Array) -> tuple[str, ...]:
    """Return several texts that were written as one."""
    return tuple(str(one) for one in np.atleast_1d(values))
