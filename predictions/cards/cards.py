"""One model's card: what it is, what it learned from, what it was shown to do, what it serves.

Read by the report that `/api/models` answers with. Fields that nobody told are null.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.artefacts.catalogue import Forecaster
from inference.artefacts.errors import told_path
from inference.artefacts.manifest import Manifest, Training
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_manifest import SignalManifest
from inference.vocabulary import FORECASTS, SIGNALS, Role
from predictions.cards.figures import (
    FORECAST_COLUMNS,
    SIGNAL_COLUMNS,
    Column,
    told_columns,
    told_parts,
    verdicts,
)
from predictions.cards.gates import NETWORK_ROW, forecast_gate, signal_gate

ID_LENGTH = 16
"""Of the network's digest: enough to name it among those that are served."""


class CardNames:
    """What each network's card is called: its digest's beginning; with a number where another
    folder holds the same network under a manifest of its own."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, Path], str] = {}

    def of(self, digest: str, path: Path) -> str:
        """Return the name of the card of the network with that digest in that place."""
        if (digest, path) not in self._names:
            alike = sum(each == digest for each, _ in self._names)
            suffix = f"-{alike + 1}" if alike else ""
            self._names[digest, path] = f"{digest[:ID_LENGTH]}{suffix}"
        return self._names[digest, path]


def forecast_card(
    name: str, found: Forecaster, symbols: Sequence[str], var_dir: Path
) -> dict[str, Any]:
    """Return the card of the forecaster, called `name`; symbols: what it is served for."""
    manifest = found.manifest
    role = Role.CHAMPION if manifest is None else manifest.role
    card = {"id": name} | _identity(
        FORECASTS, found.digest, found.version, role, found.path, var_dir
    )
    card |= {"timeframe": None, "own": False, "serves": list(symbols)}
    card |= {"threshold": None, "accuracy": None, "barrier_atr": None, "horizon_candles": None}
    if manifest is None:
        return card | _undescribed(FORECAST_COLUMNS) | {"horizon_seconds": None}
    rows = manifest.metrics.get("walk_forward")
    models = rows.get("models") if isinstance(rows, dict) else None
    named = isinstance(models, dict) and manifest.architecture in models
    served = manifest.architecture if named or role is Role.BASELINE else NETWORK_ROW
    card |= {"horizon_seconds": manifest.horizon_seconds}
    return (
        card
        | _described(manifest, FORECAST_COLUMNS, served)
        | {"gate": forecast_gate(manifest.metrics, served)}
    )


def signal_card(
    name: str, model: SignalModel, serves: Sequence[str], var_dir: Path
) -> dict[str, Any]:
    """Return the card of a signal network, called `name`; serves: the coins that lead to it."""
    manifest = model.manifest
    card = {"id": name} | _identity(
        SIGNALS, model.digest, model.version, model.role, model.folder, var_dir
    )
    card |= {
        "timeframe": model.timeframe.value,
        "own": is_own(model),
        "serves": list(serves),
        "threshold": model.threshold,
        "accuracy": model.accuracy,
        "barrier_atr": model.barrier_atr,
        "horizon_seconds": None,
        "horizon_candles": None if manifest is None else manifest.horizon_candles,
    }
    if manifest is None:
        return card | _undescribed(SIGNAL_COLUMNS)
    served = manifest.architecture
    return (
        card
        | _described(manifest, SIGNAL_COLUMNS, served)
        | {"gate": signal_gate(manifest.metrics, served)}
    )


def is_own(model: SignalModel) -> bool:
    """Tell whether a network lies in its coin's own folder, and not in a pool."""
    return model.folder.parent.name == model.symbol


def _identity(
    engine: str, digest: str, version: str, role: Role, path: Path, var_dir: Path
) -> dict[str, Any]:
    return {
        "engine": engine,
        "version": version,
        "role": role.value,
        "digest": digest,
        "path": told_path(path),
        "promoted": path.is_relative_to(var_dir),
    }


def _described(
    manifest: Manifest | SignalManifest, columns: Sequence[Column], served: str
) -> dict[str, Any]:
    parts = told_parts(manifest.metrics, columns, served)
    alarms = manifest.metrics.get("leak_alarms")
    return {
        "architecture": manifest.architecture,
        "label": manifest.label,
        "created_at": manifest.created_at.isoformat(),
        "conclusion": manifest.conclusion,
        "training": _training(manifest.training),
        "files": [{"name": name, "sha256": manifest.files[name]} for name in manifest.files],
        "columns": told_columns(columns),
        "metrics": parts,
        "verdicts": verdicts(parts, columns),
        "calibration": manifest.calibration,
        "leak_alarms": [str(each) for each in alarms] if isinstance(alarms, list) else None,
    }


def _undescribed(columns: Sequence[Column]) -> dict[str, Any]:
    # The specification's layout: files without a manifest say nothing about themselves.
    parts = told_parts({}, columns, "")
    unknown = ("architecture", "label", "created_at", "conclusion", "training")
    return dict.fromkeys(unknown) | {
        "files": [],
        "columns": told_columns(columns),
        "metrics": parts,
        "verdicts": verdicts(parts, columns),
        "calibration": None,
        "leak_alarms": None,
        "gate": None,
    }


def _training(training: Training) -> dict[str, Any]:
    # Of no row it learned at no time: an imported one, of which nothing is known.
    first, last = training.span if training.rows else (None, None)
    return {
        "from": None if first is None else first.isoformat(),
        "to": None if last is None else last.isoformat(),
        "rows": training.rows,
        "symbols": list(training.symbols),
        "recordings": list(training.recordings),
        "data_digest": training.data_digest,
    }
