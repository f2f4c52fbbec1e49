"""What a process that confines a network is told, and what it answers: no code, arrays as bytes."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import Refusal

MOST_BYTES = 1_073_741_824


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version's folder and the slot that it is to be opened for. rows: of a tick, at most."""

    slot: str
    folder: str
    horizon_ms: int
    rows: int


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An array of numbers; dtype as NumPy writes it."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> "Array":
        """Return an array's copy to send."""
        return cls(values.dtype.str, values.shape, np.ascontiguousarray(values).tobytes())

    def values(self) -> npt.NDArray[Any]:
        """Return what was sent. Raises ValueError where its parts contradict each other."""
        return np.frombuffer(self.content, np.dtype(self.dtype)).reshape(self.shape)


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows to be answered: features [n, 20], or windows [n, 60, 14] and the coins' indices [n]."""

    arrays: tuple[Array, ...]


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """answer: None where the network is open and nothing was asked, or where it failed.

    code: why it may not be served, of the file in `path`. failed: on this input, it says.
    """

    answer: Array | None = None
    code: Refusal | None = None
    path: str = ""
    message: str = ""
    failed: bool = False


def asked(arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Return the message that asks for an answer to these rows."""
    return msgspec.msgpack.encode(Asked(tuple(Array.of(each) for each in arrays)))
