"""How fast signal networks are trained, against a bare loop; what a second process brings.

    python benchmarks/training.py [--rounds N]

samples_per_s: windows that whole fits of a split (`training.signals.fitting`) learn from in a
second: a trial with its judging after each pass, two members, each with its running average of
weights, clipped gradients and mirrored windows gathered from the candles, checkpoints where they
are due, and the merging. bare_loop_samples_per_s: the same network, optimiser, batch size and
number of windows, from windows that lie ready in one tensor: forward, backward, step. Both on
one thread, as every fit of the product. Rounds of both alternate; ratio: the median round's.

parallel_efficiency: how many times faster two equal fits are done by two processes than by one,
both through the trainer that `train_signals` and `retrain` use, with sending, checkpoints and
what is written; median over the rounds. The processes have been started and have imported
their libraries before: real runs last minutes to hours and do that once.

Decisions are of five coins and made up; the options are those of 1h, with four passes.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor, nn

from inference.artefacts.torch_import import CnnLstm, Shape
from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import INDICATOR_COUNT, WINDOW
from market.candles.timeframes import Timeframe
from training.signals.datasets import SignalDataset
from training.signals.dropout import SwiftDropout
from training.signals.fitting import fit_network, inner_split
from training.signals.options import FitOptions, options_for
from training.signals.trainer import FitTask, train
from training.signals.windows import ScaledWindows, Scaling
from training.workplace import Workplace

COINS = tuple(f"C{number}USDT" for number in range(5))
CANDLES = 10_000
PASSES = 4
"""As many as the stride of 1h: a network sees each decision once."""
ROUNDS = 5


def made_up(candles: int) -> SignalDataset:
    """Return decisions of COINS on noise; what is learned is of no interest here."""
    rng = np.random.default_rng(1)
    rows = len(COINS) * candles
    ends = np.arange(WINDOW - 1, candles)
    decisions = len(ends) * len(COINS)
    opened = np.repeat(ends, len(COINS)) * Timeframe.H1.ms
    nothing = np.full(decisions, np.nan)
    return SignalDataset(
        timeframe=Timeframe.H1,
        symbols=COINS,
        indicators=rng.normal(size=(rows, INDICATOR_COUNT)).astype(np.float32),
        end_row=(ends[:, None] + np.arange(len(COINS)) * candles).ravel(),
        symbol=np.tile(np.arange(len(COINS)), len(ends)),
        candle_open_ms=opened,
        decided_ms=opened + Timeframe.H1.ms,
        label_end_ms=opened + (1 + HORIZON_CANDLES) * Timeframe.H1.ms,
        label=rng.integers(3, size=decisions),
        touch_candles=nothing,
        touch_minutes=nothing,
        atr_ratio=np.full(decisions, 0.01),
        entry=np.full(decisions, 100.0),
        entry_gap_bp=np.zeros(decisions),
        source="made up",
        digest="0" * 64,
    )


def settled(seed: int = 1) -> FitOptions:
    """Return the options of 1h, with PASSES passes whatever the losses are."""
    options = options_for(Timeframe.H1)
    return replace(options, seed=seed, epochs=PASSES, least_epochs=PASSES, patience=PASSES)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class BareLoop:
    """Nothing but forward, backward and step, on windows that lie ready."""

    def __init__(self, dataset: SignalDataset, options: FitOptions) -> None:
        rows = np.arange(len(dataset))
        ready = ScaledWindows(dataset, Scaling.of(dataset, rows), "cpu")
        self._windows: Tensor = ready.gather(torch.from_numpy(rows)).contiguous()
        self._symbol, self._label, self._options = ready.symbol, ready.label, options
        self._network = CnnLstm(
            Shape(
                channels=options.channels,
                hidden=options.hidden,
                symbols=len(dataset.symbols),
                embedding=options.embedding,
            )
        )
        self._network.dropout = SwiftDropout(options.dropout)
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(),
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )

    def run(self, samples: int) -> None:
        """Learn from so many windows, from the first ones again after the last."""
        size = self._options.batch_size
        starts = range(0, len(self._label) - size + 1, size)
        self._network.train()
        for number in range(samples // size):
            start = starts[number % len(starts)]
            batch = slice(start, start + size)
            self._optimiser.zero_grad()
            answers = self._network(self._windows[batch], self._symbol[batch])
            loss = nn.functional.cross_entropy(answers, self._label[batch])
            loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
            self._optimiser.step()


def speeds(dataset: SignalDataset, root: Path, rounds: int) -> dict[str, Any]:
    """Return windows a second of whole fits and of the bare loop, and their ratio."""
    options, rows = settled(), np.arange(len(dataset))
    trial = len(inner_split(dataset, rows, options.inner_share).early)
    samples = (trial + options.members * len(rows)) * PASSES // options.stride
    bare = BareLoop(dataset, options)
    bare.run(20 * options.batch_size)
    ours, floor = [], []
    for number in range(rounds):
        checkpoint = root / f"{number}" / "fit.pt"
        fit = partial(fit_network, dataset, rows, options=options, checkpoint=checkpoint)
        ours.append(timed(fit))
        floor.append(timed(partial(bare.run, samples)))
    return {
        "samples_per_s": round(samples / median(ours)),
        "bare_loop_samples_per_s": round(samples / median(floor)),
        "ratio": round(median(b / a for a, b in zip(ours, floor, strict=True)), 3),
    }


def speed_up(dataset: SignalDataset, root: Path, rounds: int) -> float:
    """Return how many times faster two processes are than one with two equal fits."""
    rows = np.arange(len(dataset))
    tasks = [FitTask(dataset, f"fold-{n}", rows, settled(n)) for n in (1, 2)]
    started = [replace(task, rows=rows[:2_000]) for task in tasks]
    train(started, Workplace(folder=root / "started", jobs=2))
    found = []
    for number in range(rounds):
        taken = []
        for jobs in (1, 2):
            place = Workplace(folder=root / f"{jobs}-{number}", jobs=jobs)
            taken.append(timed(partial(train, tasks, place)))
        found.append(taken[0] / taken[1])
    return round(median(found), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--candles", type=int, default=CANDLES, help="of each coin")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    dataset = made_up(chosen.candles)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        root = Path(folder)
        figures = speeds(dataset, root / "speeds", chosen.rounds)
        figures["parallel_efficiency"] = speed_up(dataset, root / "fits", chosen.rounds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
