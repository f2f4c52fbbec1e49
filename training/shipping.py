"""From recordings to the three files that are served: network, manifest, card."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import torch

from inference.artefacts.manifest import Manifest, Training, write_manifest
from inference.vocabulary import Role
from market.hot.vector import HORIZON_MS, TICK_MS
from training.cards import card, conclusion, report
from training.decisions import FITTING_STEP_MS, Decisions, decide
from training.export import check_export, export_graph
from training.fitting import NETWORK
from training.protocol import EMBARGO_MS, FOLDS, Outcome, Trial, run_protocol, standard_fits
from training.recordings import (
    TrainingDataError,
    read_recording,
    recorded_symbols,
    recording_digest,
)
from training.significance import BLOCK_MS

VERSION = "v1.0.0"
NETWORK_FILE = "btc_predictor_v1.onnx"
CARD_FILE = "btc_predictor_v1.card.md"
LABEL = (
    "1e4*ln(mid(t+10s)/mid(t)) in bp; void where the book was not fresh in between;"
    " direction flat = mid exactly unchanged"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to train from, and where to put it."""

    recordings: tuple[Path, ...]
    output: Path
    seed: int = 1
    device: str = "cpu"
    max_epochs: int = 200


def train_forecaster(order: Order) -> str:
    """Train, judge, choose, export and check; write the three files; return the report.

    Raises TrainingDataError (recordings absent or too short, device absent) and
    ExportMismatchError; then nothing is written.
    """
    if order.device == "cuda" and not torch.cuda.is_available():
        raise TrainingDataError("device cuda: no CUDA device here; use cpu")
    if not order.recordings:
        raise TrainingDataError("no recording given")
    decisions = decide([read_recording(path) for path in order.recordings])
    outcome = fitted_alone(decisions, order)
    return ship(outcome, decisions, order)


def fitted_alone(decisions: Decisions, order: Order) -> Outcome:
    """Run the protocol on one thread, whose sums have one order: the same seed, one result."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return run_protocol(
            decisions,
            standard_fits(seed=order.seed, device=order.device, max_epochs=order.max_epochs),
        )
    finally:
        torch.set_num_threads(threads)


def ship(outcome: Outcome, decisions: Decisions, order: Order) -> str:
    """Write what the outcome serves to `order.output`; return the report."""
    order.output.mkdir(parents=True, exist_ok=True)
    network = order.output / NETWORK_FILE
    draft = network.with_suffix(".onnx.tmp")
    graph = outcome.served.graph
    try:
        export_graph(graph, draft)
        difference = check_export(graph, draft, decisions.features)
        os.replace(draft, network)
    finally:
        draft.unlink(missing_ok=True)
    names = ", ".join(decisions.names)
    (order.output / CARD_FILE).write_text(
        card(outcome, version=VERSION, recordings=names, seed=order.seed)
    )
    write_manifest(_manifest(outcome, decisions, order, difference), network)
    return report(outcome)


def _manifest(outcome: Outcome, decisions: Decisions, order: Order, difference: float) -> Manifest:
    served = outcome.verdict.served
    calibration = outcome.calibrations[served]
    first, last = int(decisions.decided_ms.min()), int(decisions.decided_ms.max())
    return Manifest(
        version=VERSION,
        role=Role.CHAMPION if served == NETWORK else Role.BASELINE,
        architecture=served,
        label=LABEL,
        horizon_seconds=HORIZON_MS / 1000,
        training=Training(
            span=(_utc(first), _utc(last)),
            recordings=decisions.names,
            rows=outcome.fitted_rows,
            data_digest=recording_digest(order.recordings),
            symbols=recorded_symbols(order.recordings),
            code=_code(order, difference),
        ),
        metrics=_metrics(outcome),
        calibration={
            **asdict(calibration),
            "rows": outcome.calibrated_rows,
            "unit": "sigma*sqrt(h)",
        },
        conclusion=conclusion(outcome),
        files={CARD_FILE: "0" * 64},  # digests are computed on writing
        created_at=datetime.now(UTC),
    )


def _metrics(outcome: Outcome) -> dict[str, Any]:
    return {
        "protocol": {
            "folds": FOLDS,
            "embargo_ms": EMBARGO_MS,
            "block_ms": BLOCK_MS,
            "grid_ms": TICK_MS,
            "fitting_step_ms": FITTING_STEP_MS,
            "labelled_ms": outcome.labelled_ms,
        },
        "walk_forward": _trial(outcome.walk_forward),
        "final_test": _trial(outcome.final),
        "gate": outcome.verdict.to_record(),
        "leak_alarms": list(outcome.alarms),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "models": {name: one.to_record() for name, one in trial.judged().items()},
        "network_against": {name: asdict(c) for name, c in trial.compared(NETWORK).items()},
    }


def _code(order: Order, difference: float) -> dict[str, Any]:
    packages: Sequence[str] = ("numpy", "torch", "lightgbm", "onnx", "statsmodels")
    return {
        "seed": order.seed,
        "device": order.device,
        "python": platform.python_version(),
        **{name: installed(name) for name in packages},
        "export_max_relative_difference": difference,
    }


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
