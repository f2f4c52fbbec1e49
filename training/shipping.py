"""From recordings to the three files that are served: network, manifest, card."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from inference.artefacts.manifest import Manifest, Training, write_manifest
from inference.artefacts.manifest_files import file_digest
from inference.vocabulary import Role
from market.hot.vector import HORIZON_MS
from training.cards import card, conclusion, report
from training.decisions import FITTING_STEP_MS, Decisions
from training.devices import known_device, repeatable
from training.drift.learned import forecast_sketches
from training.drift.references import FORECASTS_REFERENCE, write_reference
from training.export import check_export, export_graph
from training.fitting import NETWORK
from training.forecast_datasets import ForecastDataset, build
from training.options import ForecastOptions
from training.protocol import Outcome, Trial, run_protocol, standard_fits
from training.recordings import TrainingDataError
from training.significance import BLOCK_MS
from training.splits import FOLDS
from training.splitting import EMBARGO_MS
from training.sufficiency import require_enough
from training.superiority import Trials
from training.trainer import fit_tasks, stored_fits, train
from training.workplace import Workplace

METHOD = "v1.1.0"
"""How forecasters are fitted and judged; a version is this and a digest of what came of it."""
NETWORK_FILE = "btc_predictor_v1.onnx"
CARD_FILE = "btc_predictor_v1.card.md"
LABEL = (
    "1e4*ln(mid(t+10s)/mid(t)) in bp; void where the book was not fresh in between;"
    " direction flat = mid exactly unchanged"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to train from, and where to put it. workplace: where fits run and are kept; None
    fits here and keeps nothing. tuned: options that a search found, in place of the usual."""

    recordings: tuple[Path, ...]
    output: Path
    seed: int = 1
    device: str = "cpu"
    max_epochs: int = 200
    workplace: Workplace | None = None
    tuned: ForecastOptions | None = None

    @property
    def options(self) -> ForecastOptions:
        """Return how the fits are made."""
        if self.tuned is not None:
            return self.tuned
        return ForecastOptions(seed=self.seed, device=self.device, max_epochs=self.max_epochs)


def train_forecaster(order: Order) -> str:
    """Train, judge, choose, export and check; write the three files; return the report.

    Raises TrainingDataError (recordings absent or too short), DeviceError, WorkplaceError and
    ExportMismatchError; then nothing is written but the fits that were finished.
    """
    known_device(order.device)
    if not order.recordings:
        raise TrainingDataError("no recording given")
    dataset = build(order.recordings)
    require_enough(dataset)
    outcome = fitted_alone(dataset.decisions, order)
    return ship(outcome, dataset, order)


def fitted_alone(decisions: Decisions, order: Order, trials: Trials | None = None) -> Outcome:
    """Fit and judge on one thread, whose sums have one order: the same seed, one result.

    trials: the other variants that a search tried.
    """
    with repeatable(threads=1, device=order.device):
        if order.workplace is None:
            return run_protocol(decisions, standard_fits(order.options), trials)
    train(fit_tasks(decisions, order.options), order.workplace)
    with repeatable(threads=1, device=order.device):
        return run_protocol(decisions, stored_fits(order.workplace, order.options), trials)


def ship(outcome: Outcome, dataset: ForecastDataset, order: Order) -> str:
    """Write what the outcome serves to `order.output`; return the report."""
    order.output.mkdir(parents=True, exist_ok=True)
    network = order.output / NETWORK_FILE
    draft = network.with_suffix(".onnx.tmp")
    graph = outcome.served.graph
    try:
        export_graph(graph, draft)
        difference = check_export(graph, draft, dataset.decisions.features)
        os.replace(draft, network)
    finally:
        draft.unlink(missing_ok=True)
    version = version_of(outcome, dataset, order, file_digest(network))
    (order.output / CARD_FILE).write_text(
        card(
            outcome,
            version=version,
            recordings=dataset.source,
            symbols=dataset.symbols,
            seed=order.seed,
        )
    )
    write_reference(order.output / FORECASTS_REFERENCE, version, forecast_sketches(dataset))
    write_manifest(_manifest(outcome, dataset, order, version, difference), network)
    return report(outcome)


def version_of(
    outcome: Outcome, dataset: ForecastDataset, order: Order, network_digest: str
) -> str:
    """Return a version's name, `v1.1.0-1a2b3c4d`.

    The same data, options and network give the same name, others another.
    """
    parts = [dataset.digest, order.options.as_record(), outcome.verdict.served, network_digest]
    return f"{METHOD}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]}"


def _manifest(
    outcome: Outcome, dataset: ForecastDataset, order: Order, version: str, difference: float
) -> Manifest:
    served = outcome.verdict.served
    calibration = outcome.calibrations[served]
    return Manifest(
        version=version,
        role=Role.CHAMPION if served == NETWORK else Role.BASELINE,
        architecture=served,
        label=LABEL,
        horizon_seconds=HORIZON_MS / 1000,
        training=Training(
            span=dataset.span_utc,
            recordings=dataset.decisions.names,
            rows=outcome.fitted_rows,
            data_digest=dataset.digest,
            symbols=dataset.symbols,
            code=_code(order, difference),
        ),
        metrics=metrics_of(outcome),
        calibration={
            **asdict(calibration),
            "rows": outcome.calibrated_rows,
            "unit": "sigma*sqrt(h)",
        },
        conclusion=conclusion(outcome),
        # Digests are computed on writing.
        files=dict.fromkeys((CARD_FILE, FORECASTS_REFERENCE), "0" * 64),
        created_at=datetime.now(UTC),
    )


def metrics_of(outcome: Outcome) -> dict[str, Any]:
    """Return all that was measured, as it goes into manifests and a run's row."""
    return {
        "protocol": {
            "folds": FOLDS,
            "embargo_ms": EMBARGO_MS,
            "block_ms": BLOCK_MS,
            "grid_ms": outcome.final.decisions.grid_ms,
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
        "network_options": order.options.as_record(),
        "python": platform.python_version(),
        **{name: installed(name) for name in packages},
        "export_max_relative_difference": difference,
    }
