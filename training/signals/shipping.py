"""From an outcome to what is served: network, manifest, card, and a pointer for every coin."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from inference.artefacts.manifest import Training
from inference.artefacts.manifest_files import file_digest, write_card
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    OUTPUT_NAME,
    SCALER_NAME,
    SYMBOL_INPUT,
    TORCH_NAME,
    WINDOW_INPUT,
    Pointer,
    SignalManifest,
)
from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Role
from market.candles.series import Floats, Integers
from training.drift.learned import signal_sketches
from training.drift.references import SIGNALS_REFERENCE, write_reference
from training.export import ExportMismatchError
from training.signals.baseline_graphs import write_baseline
from training.signals.baselines import FIT_STRIDE, LinearModel, TreesModel
from training.signals.calibration import THRESHOLD_RULE, tempered
from training.signals.cards import card
from training.signals.challenger import NetworkModel
from training.signals.conclusions import conclusion
from training.signals.datasets import SignalDataset
from training.signals.judging import BLOCK_CANDLES, DM_LAGS
from training.signals.labels import BARRIER_ATR, LABEL_TEXT
from training.signals.protocol import NETWORK, Outcome, compared
from training.signals.splitting import CALIBRATION_SHARE
from training.splits import FINAL_TEST, FIRST_TEST, FOLDS

METHOD = "v1.0.0"
"""How models are fitted and judged; a version is this and a digest of what came of it."""
CARD_NAME = "card.md"
PARITY = 1e-5
"""Greatest difference of a probability between a model and its ONNX graph."""
_CHECKED_ROWS = 500
_PACKAGES = ("numpy", "torch", "lightgbm", "scikit-learn", "onnx", "statsmodels", "TA-Lib")


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is known beside the outcome. options: of the network's fit."""

    seed: int
    options: Mapping[str, object]


def ship(outcome: Outcome, dataset: SignalDataset, root: Path, shipment: Shipment) -> Path:
    """Write what the outcome serves to `root`/pooled/<TF>, and every coin's pointer to it.

    The network's own files lie beside a served baseline, for comparison. Returns the folder.
    Raises ExportMismatchError where the graph answers otherwise than the model; then the old
    manifest stays, and refuses what does not belong to it.
    """
    folder = root / "pooled" / dataset.timeframe
    folder.mkdir(parents=True, exist_ok=True)
    network = outcome.models[NETWORK]
    if isinstance(network, NetworkModel):
        calibrated = network.fitted.with_temperature(outcome.temperatures[NETWORK])
        calibrated.save(folder)
        if outcome.verdict.served == NETWORK:
            calibrated.export(folder, dataset)
    served = outcome.models[outcome.verdict.served]
    if isinstance(served, LinearModel | TreesModel):
        write_baseline(served, outcome.temperatures[outcome.verdict.served], folder / NETWORK_NAME)
    difference = check_parity(outcome, dataset, folder / NETWORK_NAME)
    version = version_of(outcome, dataset, shipment, file_digest(folder / NETWORK_NAME))
    (folder / CARD_NAME).write_text(card(outcome, dataset, version))
    write_reference(folder / SIGNALS_REFERENCE, version, signal_sketches(dataset))
    names = [NETWORK_NAME, CARD_NAME, SIGNALS_REFERENCE, TORCH_NAME, SCALER_NAME]
    digests = {name: file_digest(folder / name) for name in names if (folder / name).is_file()}
    manifest = _manifest(outcome, dataset, shipment, version, difference, digests)
    write_card(manifest, folder / MANIFEST_NAME)
    for symbol in dataset.symbols:
        pointer = Pointer(points_to=f"pooled/{dataset.timeframe}")
        write_card(pointer, root / symbol / dataset.timeframe / MANIFEST_NAME)
    return folder


def version_of(
    outcome: Outcome, dataset: SignalDataset, shipment: Shipment, network_digest: str
) -> str:
    """Return a version's name, `v1.0.0-1a2b3c4d`.

    The same candles, options, network file and threshold give the same name, others another.
    """
    parts = [
        dataset.timeframe,
        dataset.digest,
        dataset.symbols,
        shipment.seed,
        dict(shipment.options),
        outcome.verdict.served,
        outcome.threshold.value,
        network_digest,
    ]
    return f"{METHOD}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]}"


def ask(path: Path, dataset: SignalDataset, rows: Integers) -> Floats:
    """Return the probabilities [k, 3] that the graph at `path` gives for decisions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    parts = [np.empty((0, 3))]
    for chunk in np.array_split(rows, max(1, len(rows) // 4096)):
        asked = {WINDOW_INPUT: dataset.windows(chunk), SYMBOL_INPUT: dataset.symbol[chunk]}
        parts.append(session.run([OUTPUT_NAME], asked)[0].astype(np.float64))
    return np.concatenate(parts)


def check_parity(outcome: Outcome, dataset: SignalDataset, path: Path) -> float:
    """Return the greatest difference between the served model and its graph, on real rows.

    Raises ExportMismatchError above PARITY.
    """
    name = outcome.verdict.served
    rows = np.linspace(0, len(dataset) - 1, _CHECKED_ROWS).astype(np.int64)
    expected = tempered(outcome.models[name].predict(dataset, rows), outcome.temperatures[name])
    difference = float(np.abs(ask(path, dataset, rows) - expected).max())
    if not difference <= PARITY:
        raise ExportMismatchError(f"{path} differs from {name} by {difference:.2e} (> {PARITY})")
    return difference


def _manifest(
    outcome: Outcome,
    dataset: SignalDataset,
    shipment: Shipment,
    version: str,
    difference: float,
    files: dict[str, str],
) -> SignalManifest:
    served = outcome.verdict.served
    first, last = int(dataset.decided_ms.min()), int(dataset.label_end_ms.max())
    return SignalManifest(
        version=version,
        timeframe=dataset.timeframe,
        role=Role.CHAMPION if served == NETWORK else Role.BASELINE,
        architecture=served,
        symbols=dataset.symbols,
        label=LABEL_TEXT,
        barrier_atr=BARRIER_ATR,
        horizon_candles=HORIZON_CANDLES,
        threshold=outcome.threshold.value,
        accuracy=outcome.final.judgements[served].accuracy.value,
        touch_times=outcome.touch_times,
        training=Training(
            span=(_utc(first), _utc(last)),
            recordings=(dataset.source,),
            rows=outcome.fitted_rows,
            data_digest=dataset.digest,
            symbols=dataset.symbols,
            code=_code(dataset, shipment, difference),
        ),
        metrics=metrics_of(outcome),
        calibration={
            "temperature": outcome.temperatures[served],
            "rows": outcome.calibrated_rows,
            "threshold": asdict(outcome.threshold),
            "threshold_rule": THRESHOLD_RULE,
        },
        conclusion=conclusion(outcome),
        files=files,
        created_at=datetime.now(UTC),
    )


def metrics_of(outcome: Outcome) -> dict[str, Any]:
    """Return all that was measured, as it goes into manifests and a run's row."""
    rivals = [name for name in outcome.walk_forward.answers if name != NETWORK]
    return {
        "protocol": {
            "folds": FOLDS,
            "tests": [FIRST_TEST, FINAL_TEST, 1.0],
            "calibration_share": CALIBRATION_SHARE,
            "embargo_candles": HORIZON_CANDLES,
            "block_candles": BLOCK_CANDLES,
            "dm_lags": DM_LAGS,
        },
        "walk_forward": _records(outcome.walk_forward.judgements),
        "final_test": _records(outcome.final.judgements),
        "network_against": {
            where: {name: asdict(compared(rivalry, NETWORK, name)) for name in rivals}
            for where, rivalry in (
                ("walk_forward", outcome.walk_forward),
                ("final_test", outcome.final),
            )
        },
        "gate": outcome.verdict.to_record(),
        "touch_times": asdict(outcome.touch_figures),
        "leak_alarms": list(outcome.alarms),
    }


def _records(judgements: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.to_record() for name, one in judgements.items()}


def _code(dataset: SignalDataset, shipment: Shipment, difference: float) -> dict[str, Any]:
    return {
        "seed": shipment.seed,
        "network_options": dict(shipment.options),
        "baselines_fitted_on_every_nth_candle": FIT_STRIDE.get(dataset.timeframe, 1),
        "python": platform.python_version(),
        **{name: installed(name) for name in _PACKAGES},
        "export_max_difference": difference,
    }


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
