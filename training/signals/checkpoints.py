"""A fit that was interrupted goes on where it stopped: its state after a pass, in a file."""

import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.signals.fitted import EpochNote


@dataclass(frozen=True, slots=True)
class FitState:
    """All that the next pass depends on, and the best weights so far."""

    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Any]
    steps: int
    notes: Sequence[EpochNote]


@dataclass(slots=True)
class Checkpoints:
    """The file of one descent: written after a pass where the last one, or the descent, is
    `seconds` old, so that what a kill costs and what the writing costs are bounded both."""

    path: Path
    seconds: float
    _written: float = field(default_factory=time.monotonic, init=False)

    def offer(self, state: Callable[[], FitState]) -> None:
        """Write the state where it is due. Raises OSError."""
        now = time.monotonic()
        if now - self._written >= self.seconds:
            write_checkpoint(self.path, state())
            self._written = now


def write_checkpoint(path: Path, state: FitState) -> None:
    """Replace the checkpoint in one step: a kill leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    content = {
        "weights": state.weights,
        "average": state.average,
        "best": state.best,
        "optimiser": state.optimiser,
        "steps": state.steps,
        "notes": [asdict(note) for note in state.notes],
    }
    with draft.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_checkpoint(path: Path) -> FitState | None:
    """Return the stored state, or None where there is none or it cannot be read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        notes = [EpochNote(**note) for note in content.pop("notes")]
        return FitState(**content, notes=notes)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError):
        return None
