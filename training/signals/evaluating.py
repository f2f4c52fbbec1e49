"""Judge what was trained and ship the best; or judge what is shipped again.

Read by `evaluate_signals`. Judging all of it anew needs the networks of every split, which
`train_signals` leaves behind. Without them the shipped files are asked, the baselines are fitted
anew, and the network's walk-forward figures are those of the manifest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from inference.artefacts.errors import ArtefactError
from inference.artefacts.scaler import read_scaler
from inference.artefacts.signal_manifest import (
    NETWORK_NAME,
    SCALER_NAME,
    TORCH_NAME,
    SignalManifest,
)
from inference.artefacts.torch_import import load_network
from market.candles.indicators import INDICATOR_NAMES
from market.candles.series import Floats, Integers
from market.candles.timeframes import Timeframe
from predictions.promotion.criteria import Criterion
from training.cards import gate_table
from training.recordings import TrainingDataError
from training.signals.against_champion import open_champion
from training.signals.baselines import BASELINES
from training.signals.calibration import tempered
from training.signals.challenger import NetworkModel, network_fit
from training.signals.conclusions import conclusion
from training.signals.datasets import SignalDataset
from training.signals.finished import NetworkFit, stored_networks
from training.signals.fitted import FittedNetwork
from training.signals.judging import SignalJudgement, judge
from training.signals.options import FitOptions
from training.signals.protocol import (
    FINAL,
    NETWORK,
    alarms,
    baseline_fits,
    contest,
    fold_name,
    run_protocol,
    run_split,
    walk_forward_trials,
)
from training.signals.reporting import Evaluation
from training.signals.shipping import Shipment, ask, ship
from training.signals.splitting import signal_splits
from training.signals.windows import Scaling

Told = Callable[[str], None]
SEED = 1


@dataclass(frozen=True, slots=True)
class Training:
    """The networks of every split, as `train_signals` left them, and how they were fitted."""

    networks: NetworkFit
    options: Mapping[str, object]


def evaluate(dataset: SignalDataset, networks: Path, models: Path, told: Told) -> Evaluation:
    """Judge anew where `networks` still holds the trained ones, else the shipped files.

    Raises TrainingDataError and ExportMismatchError as the two below do.
    """
    manifest = shipped_manifest(models / "pooled" / dataset.timeframe)
    options = manifest.training.code["network_options"]
    training = Training(stored_networks(networks, fit_options(options)), options)
    splits = signal_splits(dataset)
    named = [(fold_name(number), split) for number, split in enumerate(splits.folds, 1)]
    try:
        for name, split in [*named, (FINAL, splits.final)]:
            training.networks(dataset, np.flatnonzero(split.fit), name)
    except TrainingDataError:
        return judge_shipped(dataset, models, told)
    return judge_training(dataset, training, models, told)


def fit_options(record: Mapping[str, Any]) -> FitOptions:
    """Return the options that a manifest tells of."""
    return msgspec.convert(dict(record), FitOptions)


def judge_training(
    dataset: SignalDataset, training: Training, models: Path, told: Told
) -> Evaluation:
    """Judge the networks against baselines fitted alike, ship the best to `models`.

    Raises TrainingDataError where a network is missing, ExportMismatchError where the graph
    would answer otherwise than what was judged; then nothing new is served.
    """
    fits = {**baseline_fits(seed=SEED), NETWORK: network_fit(training.networks)}
    outcome = run_protocol(dataset, fits, told)
    folder = ship(outcome, dataset, models, Shipment(SEED, training.options))
    return Evaluation(
        timeframe=dataset.timeframe,
        champion=outcome.verdict.served,
        baselines=BASELINES,
        walk_forward=outcome.walk_forward.judgements,
        final=outcome.final.judgements,
        judged=outcome.final.judged,
        answers=outcome.final.answers[outcome.verdict.served],
        gate=gate_table(outcome.verdict.criteria),
        conclusion=conclusion(outcome),
        alarms=outcome.alarms,
        provenance=(
            "everything was judged anew: networks of all splits as train_signals left them,"
            " baselines fitted now",
            f"shipped to {folder.parent.name}/{folder.name}; candles {dataset.digest[:12]}",
        ),
    )


def judge_shipped(dataset: SignalDataset, models: Path, told: Told) -> Evaluation:
    """Judge the files in `models`/pooled/<TF> again, on the candles they were judged on.

    Raises TrainingDataError where they are missing, damaged, or of other candles.
    """
    folder = models / "pooled" / dataset.timeframe
    manifest = shipped_manifest(folder)
    if manifest.training.data_digest != dataset.digest:
        raise TrainingDataError(
            f"{folder} was judged on other candles (digest {manifest.training.data_digest[:12]},"
            f" these are {dataset.digest[:12]}): give those, or run train_signals on these"
        )
    splits = signal_splits(dataset)
    fits = baseline_fits(seed=SEED)
    walk_forward = contest(walk_forward_trials(dataset, splits, fits, told))
    told(FINAL)
    final = contest([run_split(dataset, splits.final, FINAL, fits)])
    testing = np.flatnonzero(splits.final.test)
    served = ask(folder / NETWORK_NAME, dataset, testing)
    answers = {**final.answers, manifest.architecture: served}
    if manifest.architecture != NETWORK and (folder / TORCH_NAME).is_file():
        answers[NETWORK] = _network_answers(folder, dataset, testing)
    judged = {name: judge(name, one, final.judged) for name, one in answers.items()}
    carried = msgspec.convert(manifest.metrics["walk_forward"][NETWORK], SignalJudgement)
    earlier = {**walk_forward.judgements, NETWORK: carried}
    return Evaluation(
        timeframe=dataset.timeframe,
        champion=manifest.architecture,
        baselines=BASELINES,
        walk_forward=earlier,
        final=judged,
        judged=final.judged,
        answers=served,
        gate=gate_table(_criteria(manifest)),
        conclusion=manifest.conclusion,
        alarms=alarms(earlier, judged),
        provenance=(
            "final test: the shipped files were asked now; the other baselines fitted now",
            "walk-forward: baselines fitted now; the network's figures and the gate are those of"
            " its manifest (train_signals gives the networks to judge them anew)",
            f"candles {dataset.digest[:12]}, manifest {manifest.version} of"
            f" {manifest.created_at:%Y-%m-%d}",
        ),
    )


def shipped_manifest(folder: Path) -> SignalManifest:
    """Return the manifest of a pooled folder, its files checked and its network tried once.

    Raises TrainingDataError naming the file that is missing, not as declared or no network.
    """
    return open_champion(folder, Timeframe(folder.name)).manifest


def _network_answers(folder: Path, dataset: SignalDataset, rows: Integers) -> Floats:
    try:
        state = load_network(folder / TORCH_NAME).state_dict()
        scaler = read_scaler(folder / SCALER_NAME, INDICATOR_NAMES)
    except ArtefactError as error:
        raise TrainingDataError(str(error)) from error
    if scaler.subtract is None or scaler.divide is None:
        raise TrainingDataError(f"{folder / SCALER_NAME} is not what train_signals writes")
    scaling = Scaling(scaler.subtract.astype(np.float64), scaler.divide.astype(np.float64), 0)
    network = FittedNetwork(state, scaling)
    return tempered(NetworkModel(network).predict(dataset, rows), network.temperature)


def _criteria(manifest: SignalManifest) -> tuple[Criterion, ...]:
    return msgspec.convert(manifest.metrics["gate"]["criteria"], tuple[Criterion, ...])
