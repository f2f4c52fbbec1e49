"""Finds the network that spoke, by its digest, among the files that are still there."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from inference.artefacts.errors import ArtefactError
from inference.artefacts.registry import Registry
from inference.forecasts.engine import Engine


class ForecastModels:
    """Engines of forecasters. paths: where ONNX files may lie, the first with a digest wins."""

    def __init__(self, paths: Sequence[Path], base_dir: Path, var_dir: Path) -> None:
        self._paths = paths
        self._base_dir = base_dir
        self._var_dir = var_dir
        self._engines: dict[tuple[str, int], Engine | None] = {}

    def by_digest(self, digest: str, horizon_ms: int) -> Engine | None:
        """Return the engine of the ONNX file with this SHA-256; None where there is none."""
        key = digest, horizon_ms
        if key not in self._engines:
            self._engines[key] = self._find(digest, horizon_ms)
        return self._engines[key]

    def _find(self, digest: str, horizon_ms: int) -> Engine | None:
        for path in self._paths:
            try:
                found = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                continue
            if found != digest:
                continue
            registry = Registry(
                configured=str(path),
                base_dir=self._base_dir,
                var_dir=self._var_dir,
                horizon_ms=horizon_ms,
            )
            try:
                return Engine(registry.load_at(path))
            except ArtefactError:
                continue
        return None
