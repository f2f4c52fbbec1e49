"""Gradient descent of one network, pass by pass, so that it can stop and go on anywhere.

What counts is a running average of the weights, which the network itself jitters around. Read
by the fit.
"""

import copy
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.artefacts.torch_import import CnnLstm, Shape
from market.candles.series import Integers
from training.signals.checkpoints import FitState, read_checkpoint
from training.signals.datasets import SignalDataset
from training.signals.dropout import SwiftDropout
from training.signals.fitted import EpochNote, FittedNetwork, answers
from training.signals.options import FitOptions
from training.signals.windows import EXCHANGED, ScaledWindows, Scaling

GRADIENT_LIMIT = 1.0


class Descent:
    """One network on its way. judge_rows: what tells the best pass; None keeps the last one."""

    def __init__(
        self,
        dataset: SignalDataset,
        rows: Integers,
        options: FitOptions,
        *,
        member: int,
        judge_rows: Integers | None = None,
    ) -> None:
        self._options, self._rows, self._member = options, rows, member
        self._judge_rows = judge_rows
        self._scaling = Scaling.of(dataset, rows)
        self._windows = ScaledWindows(dataset, self._scaling, options.device)
        self._turn = (dataset.timeline.decided_ms // dataset.timeframe.ms)[rows]
        self._label = dataset.label
        self._exchanged = torch.tensor(EXCHANGED, device=options.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._random(0).integers(2**62)))
            shape = Shape(
                channels=options.channels,
                hidden=options.hidden,
                symbols=len(dataset.symbols) if options.embedding else 0,
                embedding=options.embedding,
            )
            self._network = CnnLstm(shape)
            self._network.dropout = SwiftDropout(options.dropout)
            _start_small(self._network)
        self._network.to(options.device)
        self._average = copy.deepcopy(self._network).eval()
        self._moving = list(self._network.parameters())
        self._followed = list(zip(self._average.parameters(), self._moving, strict=True))
        self._optimiser = torch.optim.AdamW(
            _groups(self._network, options.weight_decay), lr=options.learning_rate
        )
        self._best = _weights(self._average)
        self._notes: list[EpochNote] = []
        self._steps, self._seen, self._seconds = 0, 0, 0.0

    @property
    def finished(self) -> bool:
        done = len(self._notes)
        return done >= self._options.epochs or done - self.best_pass >= self._options.patience

    @property
    def best_pass(self) -> int:
        return max((note.epoch for note in self._notes if note.best), default=0)

    def step(self) -> EpochNote:
        """Make one pass and judge the running average."""
        epoch, started = len(self._notes) + 1, time.perf_counter()
        order = self._random(epoch)
        rows = self._rows[(self._turn + epoch) % self._options.stride == 0]
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
        before = [note.inner_loss for note in self._notes if note.inner_loss is not None]
        best = inner is None or inner < min(before, default=np.inf)
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
        symbol, label = self._windows.symbol[batch], self._windows.label[batch]
        if self._options.mirror:
            turned = torch.rand(len(batch), device=batch.device) < 0.5
            windows = self._windows.gather_turned(batch, turned)
            label = torch.where(turned, self._exchanged[label], label)
        else:
            windows = self._windows.gather(batch)
        self._optimiser.zero_grad()
        loss = nn.functional.cross_entropy(
            self._network(windows, symbol), label, label_smoothing=self._options.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        self._clip()
        self._optimiser.step()
        self._follow()
        return loss.item()

    def _clip(self) -> None:
        norm = nn.utils.get_total_norm([one.grad for one in self._moving if one.grad is not None])
        if norm > GRADIENT_LIMIT:  # seldom, and to multiply all by 1 takes as long as the norm
            nn.utils.clip_grads_with_norm_(self._moving, GRADIENT_LIMIT, norm)

    def _follow(self) -> None:
        # Early on the average looks back over few steps, later over 1 / (1 - averaging).
        self._steps += 1
        keep = min(self._options.averaging, self._steps / (self._steps + 9))
        with torch.no_grad():
            for mine, current in self._followed:
                mine.lerp_(current, 1 - keep)

    def _inner_loss(self) -> float | None:
        if self._judge_rows is None:
            return None
        logits = torch.from_numpy(answers(self._average, self._windows, self._judge_rows))
        labels = torch.from_numpy(self._label[self._judge_rows])
        return nn.functional.cross_entropy(logits, labels).item()


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
