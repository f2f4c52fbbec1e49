"""Turns `cnn_lstm_best.pt` + `scaler.pkl` into ONNX once, in a child process, and keeps it.

Read by the signal registry. What serves never imports torch: a child does, and only where a
file was not converted before. The digest of both files names the result.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.network_files import read_network
from inference.artefacts.signal_manifest import SCALER_NAME, TORCH_NAME

NEEDED = ("torch", "onnx", "onnxscript")
CONVERSION = 1
"""Counts up when the same files would give another network."""

_CHILD = "inference.artefacts.torch_import"
_PROJECT = Path(__file__).resolve().parents[2]
_START_SECONDS, _EACH_SECONDS = 120, 30

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TorchFiles:
    """A folder in the specification's layout, read whole. digest: of both files."""

    folder: Path
    torch: bytes
    scaler: bytes

    @property
    def digest(self) -> str:
        content = hashlib.sha256(self.torch).digest() + hashlib.sha256(self.scaler).digest()
        return hashlib.sha256(content + bytes([CONVERSION])).hexdigest()


class _Answer(msgspec.Struct):
    folder: str
    code: Refusal | None = None
    path: str = ""
    message: str = ""


def installed(name: str) -> bool:
    """Say whether a package can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def read_torch_files(folder: Path) -> TorchFiles:
    """Read both files of a folder.

    Raises ArtefactError: artefact_missing (the .pt), scaler_missing, artefact_refused.
    """
    torch = read_network(folder / TORCH_NAME)
    path = folder / SCALER_NAME
    try:
        return TorchFiles(folder, torch, read_network(path))
    except ArtefactError as error:
        if error.code is not Refusal.MISSING:
            raise
        message = f"is missing; {TORCH_NAME} beside it needs it"
        raise ArtefactError(Refusal.SCALER_MISSING, path, message) from error


class TorchConverter:
    """Keeps converted networks in `cache_dir`, each under its digest."""

    def __init__(self, cache_dir: Path, has: Callable[[str], bool] = installed) -> None:
        self._cache_dir = cache_dir
        self._has = has
        self._refused: dict[str, ArtefactError] = {}

    def convert(self, files: Sequence[TorchFiles]) -> dict[Path, bytes | ArtefactError]:
        """Return each folder's network as ONNX, or why there is none.

        One child converts all that were not converted before.
        """
        new = [each for each in files if self._known(each) is None]
        if new:
            missing = [name for name in NEEDED if not self._has(name)]
            if missing:
                return {
                    each.folder: self._known(each) or _no_torch(each, missing) for each in files
                }
            self._convert(new)
        return {each.folder: self._known(each) or _no_answer(each, "") for each in files}

    def _known(self, files: TorchFiles) -> bytes | ArtefactError | None:
        refused = self._refused.get(files.digest)
        if refused is not None:
            return ArtefactError(refused.code, files.folder / refused.path.name, refused.message)
        try:
            return self._kept(files).read_bytes()
        except OSError:
            return None

    def _kept(self, files: TorchFiles) -> Path:
        return self._cache_dir / f"{files.digest}.onnx"

    def _convert(self, files: Sequence[TorchFiles]) -> None:
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        # Copies: the child must convert the very bytes that the digest is of.
        with tempfile.TemporaryDirectory(dir=self._cache_dir, prefix=".converting-") as work:
            folders = [Path(work) / str(index) for index in range(len(files))]
            for folder, each in zip(folders, files, strict=True):
                folder.mkdir()
                (folder / TORCH_NAME).write_bytes(each.torch)
                (folder / SCALER_NAME).write_bytes(each.scaler)
            answers, problem = _run_child(folders, [self._kept(each) for each in files])
        for folder, each in zip(folders, files, strict=True):
            answer = answers.get(str(folder))
            if answer is None:
                self._refused[each.digest] = _no_answer(each, problem)
            elif answer.code is not None:
                self._refused[each.digest] = ArtefactError(
                    answer.code, Path(answer.path), answer.message
                )
            else:
                log.info("torch_network_converted", folder=str(each.folder), digest=each.digest)


class KeptConversions(TorchConverter):
    """Gives what was converted before and converts nothing: for whoever only tells of it."""

    def convert(self, files: Sequence[TorchFiles]) -> dict[Path, bytes | ArtefactError]:
        return {each.folder: self._known(each) or _not_yet(each) for each in files}


def _run_child(folders: Sequence[Path], outs: Sequence[Path]) -> tuple[dict[str, _Answer], str]:
    pairs = [str(part) for pair in zip(folders, outs, strict=True) for part in pair]
    try:
        child = subprocess.run(
            [sys.executable, "-m", _CHILD, *pairs],
            cwd=_PROJECT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_SECONDS + _EACH_SECONDS * len(folders),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, str(error)
    lines = [line for line in child.stdout.splitlines() if line.startswith("{")]
    answers = [msgspec.convert(json.loads(line), _Answer) for line in lines]
    last_words = child.stderr.strip().rpartition("\n")[2]
    return {answer.folder: answer for answer in answers}, last_words


def _no_torch(files: TorchFiles, missing: Sequence[str]) -> ArtefactError:
    message = (
        f"needs {', '.join(missing)} to be read, not installed here; "
        "`pip install -r requirements/training.txt`, or export the network to ONNX"
    )
    return ArtefactError(Refusal.TORCH_MISSING, files.folder / TORCH_NAME, message)


def _not_yet(files: TorchFiles) -> ArtefactError:
    message = "was not converted to ONNX yet: the signal loop does so where torch is installed"
    return ArtefactError(Refusal.MISSING, files.folder / TORCH_NAME, message)


def _no_answer(files: TorchFiles, problem: str) -> ArtefactError:
    message = f"could not be converted to ONNX: {problem or 'the converter gave no answer'}"
    return ArtefactError(Refusal.REFUSED, files.folder / TORCH_NAME, message)
