"""Reads a scikit-learn scaler out of a joblib file without running what is in the file.

A pickle may call any function it can name, so here it can name nothing real: every name on the
list below is answered by an inert stand-in, every other name is refused. Neither scikit-learn
nor any callable of NumPy is reached. Read by the registry for artefacts in the
specification's layout.
"""

import bz2
import io
import lzma
import math
import pickle
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from inference.artefacts.errors import ArtefactError, Refusal

MAX_BYTES = 1_048_576
"""Bound on the file and on what it unpacks to; a scaler of 20 features takes about 1 kB."""

_DTYPES = re.compile(r"^(b1|[iuf][248]|[iu]1|O8?|U\d{0,4})$")


class StoredScaler:
    """The attributes of a pickled scaler; stands in for scikit-learn's class."""

    kind = ""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.attributes = {str(name): _plain(value) for name, value in state.items()}


class _StandardScaler(StoredScaler):
    kind = "StandardScaler"


class _MinMaxScaler(StoredScaler):
    kind = "MinMaxScaler"


class _RobustScaler(StoredScaler):
    kind = "RobustScaler"


class _DType:
    """Stands in for numpy.dtype, whose own state a hostile file could use to corrupt memory."""

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(name, str) or not _DTYPES.match(name):
            raise pickle.UnpicklingError(f"array type {name!r} is not one of a scaler's")
        self.name = name
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = {"<": "<", ">": ">"}.get(state[1], "=")
        if self.name == "U":
            self.name = f"U{int(state[5]) // 4}"

    def resolve(self) -> np.dtype[Any]:
        return np.dtype(self.name if self.name.startswith("O") else self.order + self.name)


class _NdArray:
    """Stands in for numpy.ndarray where an array is pickled the plain way."""

    def __init__(self) -> None:
        self.array: npt.NDArray[Any] | None = None

    def __setstate__(self, state: tuple[int, Any, _DType, bool, Any]) -> None:
        _, shape, dtype, fortran, raw = state
        self.array = _array(raw, dtype, shape, "F" if fortran else "C")


class _ArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc]
    """joblib's place-holder for an array whose bytes follow in the file, with its size bounded."""

    def __init__(self) -> None:
        super().__init__(np.ndarray, (), "C", None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        dtype = state["dtype"]
        self.shape = _checked_shape(state["shape"])
        self.order = "F" if state["order"] == "F" else "C"
        self.dtype = dtype.resolve()
        _check_size(self.shape, self.dtype)
        padding = state.get("numpy_array_alignment_bytes")
        # joblib asks with getattr: files of its older versions lack this.
        self.numpy_array_alignment_bytes = padding if padding is None else int(padding)

    def read(self, unpickler: "_RestrictedUnpickler", ensure_native_byte_order: bool) -> Any:
        if self.dtype.hasobject:
            nested = _RestrictedUnpickler(unpickler.source, unpickler.file_handle)
            return _plain(nested.load())
        return self.read_array(unpickler, ensure_native_byte_order)


def _reconstruct(subtype: Any, shape: Any, kind: Any) -> _NdArray:
    return _NdArray()


def _scalar(dtype: _DType, raw: bytes) -> Any:
    return _array(raw, dtype, (), "C").item()


def _from_buffer(raw: Any, dtype: _DType, shape: Any, order: Any, axes: Any = None) -> Any:
    return _array(raw, dtype, shape, "F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


_ALLOWED: dict[str, Callable[..., Any]] = {
    "joblib.numpy_pickle.NumpyArrayWrapper": _ArrayWrapper,
    "numpy.dtype": _DType,
    "numpy.ndarray": _NdArray,
    "_codecs.encode": _encode,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "numpy.core.numeric._frombuffer": _from_buffer,
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray._reconstruct"] = _reconstruct
    _ALLOWED[f"{_package}.multiarray.scalar"] = _scalar
for _kind in (_StandardScaler, _MinMaxScaler, _RobustScaler):
    for _module in ("_data", "data"):
        _ALLOWED[f"sklearn.preprocessing.{_module}.{_kind.kind}"] = _kind


class _RestrictedUnpickler(NumpyUnpickler):  # type: ignore[misc]
    dispatch = NumpyUnpickler.dispatch.copy()

    def __init__(self, source: Path, handle: io.BufferedIOBase) -> None:
        super().__init__(str(source), handle, ensure_native_byte_order=True)
        self.source = source

    def find_class(self, module: str, name: str) -> Any:
        allowed = _ALLOWED.get(f"{module}.{name}")
        if allowed is None:
            raise ArtefactError(
                Refusal.REFUSED,
                self.source,
                f"holds {module}.{name}; only a StandardScaler, MinMaxScaler or RobustScaler "
                "of scikit-learn is read",
            )
        return allowed

    def load_build(self) -> None:
        # BUILD sets attributes: on a class it would change the class for the whole process.
        target = self.stack[-2]
        if not isinstance(target, StoredScaler | _DType | _NdArray | _ArrayWrapper):
            raise pickle.UnpicklingError(f"sets the state of a {type(target).__name__}")
        super().load_build()

    def load_bytearray8(self) -> None:
        # The original allocates the size that the file claims before it reads.
        size = int.from_bytes(self.read(8), "little")
        self.append(self.read(size))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def read_stored_scaler(path: Path) -> StoredScaler:
    """Read the scaler that joblib (or plain pickle) stored at `path`, compressed or not.

    Raises ArtefactError: scaler_missing where there is no file; artefact_refused where it is
    truncated, larger than MAX_BYTES, or names anything that is not part of a scaler.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ArtefactError(
            Refusal.SCALER_MISSING, path, "is missing; a network without manifest needs it"
        ) from error
    except OSError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"cannot be read: {error.strerror}") from error
    try:
        stored = _RestrictedUnpickler(path, io.BytesIO(_decompressed(content))).load()
    except ArtefactError:
        raise
    except Exception as error:  # a hostile stream can make the pickle machine raise anything
        message = f"is not a readable joblib file ({type(error).__name__}: {error})"
        raise ArtefactError(Refusal.REFUSED, path, message) from error
    if not isinstance(stored, StoredScaler):
        raise ArtefactError(
            Refusal.REFUSED, path, f"holds a {type(stored).__name__}, not a scikit-learn scaler"
        )
    return stored


def _decompressed(content: bytes) -> bytes:
    stream: Any = io.BytesIO(content)
    if content.startswith((b"\x1f\x8b", b"\x78")):
        inflater = zlib.decompressobj(wbits=47)  # zlib or gzip, as its header says
        unpacked = inflater.decompress(content, MAX_BYTES + 1)
        if not inflater.eof and len(unpacked) <= MAX_BYTES:
            raise pickle.UnpicklingError("it ends too early")
    elif content.startswith(b"BZ"):
        unpacked = bz2.BZ2File(stream).read(MAX_BYTES + 1)
    elif content.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        unpacked = lzma.LZMAFile(stream).read(MAX_BYTES + 1)
    elif content.startswith(b"\x04\x22\x4d\x18"):
        raise pickle.UnpicklingError("LZ4 is not read; store it with compress=('zlib', 3)")
    else:
        unpacked = content
    if len(unpacked) > MAX_BYTES:
        raise pickle.UnpicklingError(f"it is larger than {MAX_BYTES} bytes")
    return unpacked


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape)
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise pickle.UnpicklingError(f"array shape {sizes!r}")
    return sizes


def _check_size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise pickle.UnpicklingError(f"an array of shape {shape} is larger than {MAX_BYTES} bytes")


def _array(raw: Any, dtype: _DType, shape: Any, order: Any) -> npt.NDArray[Any]:
    resolved = dtype.resolve()
    sizes = _checked_shape(shape)
    _check_size(sizes, resolved)
    if resolved.hasobject:
        return np.array([str(item) for item in raw], dtype=object).reshape(sizes, order=order)
    return np.frombuffer(raw, dtype=resolved).reshape(sizes, order=order)


def _plain(value: Any) -> Any:
    return value.array if isinstance(value, _NdArray) else value
