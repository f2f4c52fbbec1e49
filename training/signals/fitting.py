"""Weights of a signal network from labelled decisions, by gradient; called a fold at a time.

The fit stops by the loss on the latest part of its own rows; calibration and test rows are
never looked at. What is kept is a running average of the weights at its best pass.
"""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from inference.artefacts.torch_import import CnnLstm, Shape
from market.candles.series import Floats, Integers
from training.calibration import TEMPERATURE_RANGE
from training.recordings import TrainingDataError
from training.signals.checkpoints import FitState, read_checkpoint, write_checkpoint
from training.signals.datasets import SignalDataset
from training.signals.fitted import EpochNote, FittedNetwork, answers
from training.signals.merging import merge
from training.signals.options import FitOptions
from training.signals.windows import EXCHANGED, ScaledWindows, Scaling

__all__ = ["EpochNote", "FitOptions", "FittedNetwork", "fit_network"]

MINIMUM_ROWS = 200
GRADIENT_LIMIT = 1.0
_ONE_FIT = threading.Lock()
Watch = Callable[[EpochNote], None]


@dataclass(frozen=True, slots=True)
class Rows:
    """Decisions that weights learn from, and the later ones that say when to stop."""

    early: Integers
    late: Integers


def fit_network(
    dataset: SignalDataset,
    fit_rows: Integers,
    calibrate_rows: Integers | None = None,
    *,
    options: FitOptions,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> FittedNetwork:
    """Fit one network on `fit_rows` [k], row numbers of `dataset`.

    calibrate_rows: later decisions that set its temperature alone; without them it stays 1.
    checkpoint: a file that holds the fit after each pass; where it exists the fit goes on from
    it. watch: told of each pass. The same seed gives the same weights on a CPU, with and
    without an interruption. Raises TrainingDataError where there are too few rows.
    """
    rows = inner_split(dataset, np.sort(fit_rows), options.inner_share)
    with _torch_to_itself(options.threads):
        members = [
            _fit_member(_Fit(dataset, rows, options, number), number, checkpoint, watch)
            for number in range(1, options.members + 1)
        ]
        fitted = _ensemble(members)
    if calibrate_rows is None or not len(calibrate_rows):
        return fitted
    logits = fitted.logits(dataset, calibrate_rows, options.device)
    return fitted.with_temperature(best_temperature(logits, dataset.label[calibrate_rows]))


def checkpoint_files(checkpoint: Path, options: FitOptions) -> list[Path]:
    """Return the files that a fit keeps its members' states in."""
    return [_of_member(checkpoint, number) for number in range(1, options.members + 1)]


def inner_split(dataset: SignalDataset, rows: Integers, share: float) -> Rows:
    """Cut rows in time: labels of the early ones end before the late ones are decided."""
    if len(rows) < MINIMUM_ROWS:
        raise TrainingDataError(
            f"{len(rows)} decisions of {dataset.timeframe} to fit a network on; at least"
            f" {MINIMUM_ROWS} are needed: give more candles"
        )
    timeline = dataset.timeline
    decided = timeline.decided_ms[rows]
    first, last = int(decided.min()), int(decided.max())
    boundary = first + round(share * (last - first))
    early = rows[timeline.label_end_ms[rows] < boundary]
    late = rows[decided >= boundary]
    if not len(early) or not len(late):
        raise TrainingDataError(
            f"the {dataset.timeframe} decisions span too little time to see when to stop: give"
            " more candles"
        )
    return Rows(early, late)


def best_temperature(logits: Floats, label: Integers) -> float:
    """Return the temperature with the least log-loss on labelled logits [k, 3]."""
    scores, classes = torch.from_numpy(logits), torch.from_numpy(label)

    def loss(log_temperature: float) -> float:
        tempered = scores / float(np.exp(log_temperature))
        return nn.functional.cross_entropy(tempered, classes).item()

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_RANGE)), method="bounded")
    return float(np.exp(found.x))


class _Fit:
    def __init__(
        self, dataset: SignalDataset, rows: Rows, options: FitOptions, member: int
    ) -> None:
        self._options, self._rows, self._member = options, rows, member
        self._scaling = Scaling.of(dataset, rows.early)
        self._windows = ScaledWindows(dataset, self._scaling, options.device)
        self._turn = (dataset.timeline.decided_ms // dataset.timeframe.ms)[rows.early]
        self._labels = torch.from_numpy(dataset.label[rows.late])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._random(0).integers(2**62)))
            shape = Shape(
                channels=options.channels,
                hidden=options.hidden,
                symbols=len(dataset.symbols) if options.embedding else 0,
                embedding=options.embedding,
            )
            self._network = CnnLstm(shape, options.dropout)
            _start_small(self._network)
        self._network.to(options.device)
        self._average = copy.deepcopy(self._network).eval()
        self._optimiser = torch.optim.AdamW(
            _groups(self._network, options.weight_decay), lr=options.learning_rate
        )
        self._best = _weights(self._average)
        self._notes: list[EpochNote] = []
        self._steps, self._seen, self._seconds = 0, 0, 0.0

    @property
    def finished(self) -> bool:
        done = len(self._notes)
        best = max((note.epoch for note in self._notes if note.best), default=0)
        return done >= self._options.epochs or done - best >= self._options.patience

    def step(self) -> EpochNote:
        """Make one pass and judge the average on the inner slice."""
        epoch, started = len(self._notes) + 1, time.perf_counter()
        order = self._random(epoch)
        rows = self._rows.early[(self._turn + epoch) % self._options.stride == 0]
        rows = order.permutation(rows)
        self._network.train()
        with torch.random.fork_rng():
            torch.manual_seed(int(order.integers(2**62)))
            pieces = max(1, round(len(rows) / self._options.batch_size))
            losses = [
                self._learn(torch.from_numpy(batch).to(self._options.device))
                for batch in np.array_split(rows, pieces)
            ]
        self._seen += len(rows)
        self._seconds += time.perf_counter() - started
        inner = self._inner_loss()
        best = inner < min((note.inner_loss for note in self._notes), default=np.inf)
        if best:
            self._best = _weights(self._average)
        self._notes.append(EpochNote(self._member, epoch, float(np.mean(losses)), inner, best))
        return self._notes[-1]

    def state(self) -> FitState:
        return FitState(
            weights=_weights(self._network),
            average=_weights(self._average),
            best=self._best,
            optimiser=self._optimiser.state_dict(),
            steps=self._steps,
            notes=self._notes,
        )

    def resume(self, checkpoint: Path) -> None:
        state = read_checkpoint(checkpoint)
        if state is None:
            return
        self._network.load_state_dict(state.weights)
        self._average.load_state_dict(state.average)
        self._optimiser.load_state_dict(state.optimiser)
        self._best, self._steps, self._notes = state.best, state.steps, list(state.notes)

    def fitted(self) -> FittedNetwork:
        speed = self._seen / self._seconds if self._seconds else None
        return FittedNetwork(self._best, self._scaling, tuple(self._notes), speed)

    def _random(self, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self._options.seed, self._member, epoch])

    def _learn(self, batch: Tensor) -> float:
        windows, symbol = self._windows.gather(batch), self._windows.symbol[batch]
        label = self._windows.label[batch]
        if self._options.mirror:
            turned = torch.rand(len(batch), device=batch.device) < 0.5
            windows = torch.where(turned[:, None, None], self._windows.mirrored(windows), windows)
            exchanged = torch.tensor(EXCHANGED, device=batch.device)[label]
            label = torch.where(turned, exchanged, label)
        self._optimiser.zero_grad()
        loss = nn.functional.cross_entropy(
            self._network(windows, symbol), label, label_smoothing=self._options.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        nn.utils.clip_grad_norm_(self._network.parameters(), GRADIENT_LIMIT)
        self._optimiser.step()
        self._follow()
        return loss.item()

    def _follow(self) -> None:
        # Early on the average looks back over few steps, later over 1 / (1 - averaging).
        self._steps += 1
        keep = min(self._options.averaging, self._steps / (self._steps + 9))
        with torch.no_grad():
            for mine, current in zip(
                self._average.parameters(), self._network.parameters(), strict=True
            ):
                mine.lerp_(current, 1 - keep)

    def _inner_loss(self) -> float:
        logits = torch.from_numpy(answers(self._average, self._windows, self._rows.late))
        return nn.functional.cross_entropy(logits, self._labels).item()


@contextmanager
def _torch_to_itself(threads: int) -> Iterator[None]:
    # Torch's random numbers and threads are the process's; a cluster's worker may run several
    # fits in threads of one process.
    with _ONE_FIT:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _fit_member(
    fit: _Fit, number: int, checkpoint: Path | None, watch: Watch | None
) -> FittedNetwork:
    place = None if checkpoint is None else _of_member(checkpoint, number)
    if place is not None:
        fit.resume(place)
    while not fit.finished:
        note = fit.step()
        if place is not None:
            write_checkpoint(place, fit.state())
        if watch is not None:
            watch(note)
    return fit.fitted()


def _ensemble(members: list[FittedNetwork]) -> FittedNetwork:
    speeds = [one.samples_per_s for one in members if one.samples_per_s is not None]
    return FittedNetwork(
        merge([one.state_dict for one in members]),
        members[0].scaling,
        tuple(note for one in members for note in one.history),
        sum(speeds) / len(speeds) if speeds else None,
    )


def _of_member(checkpoint: Path, number: int) -> Path:
    return checkpoint.with_name(f"{checkpoint.stem}-{number}{checkpoint.suffix}")


def _start_small(network: CnnLstm) -> None:
    # The first answer is the uniform one: nothing has to be unlearnt.
    with torch.no_grad():
        network.head.weight.mul_(0.1)
        network.head.bias.zero_()
        if network.linear is not None:
            network.linear.weight.zero_()
        if network.symbols is not None:
            network.symbols.weight.mul_(0.1)


def _groups(network: CnnLstm, weight_decay: float) -> list[dict[str, object]]:
    matrices = [one for one in network.parameters() if one.ndim > 1]
    vectors = [one for one in network.parameters() if one.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _weights(network: CnnLstm) -> dict[str, Tensor]:
    return {name: one.detach().cpu().clone() for name, one in network.state_dict().items()}
