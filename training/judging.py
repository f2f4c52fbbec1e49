"""One model's figures on decisions it never saw, with intervals; a plain record of them."""

from dataclasses import asdict, dataclass

import numpy as np

from market.hot.vector import HORIZON_MS
from training import evaluation
from training.decisions import Decisions
from training.networks import Floats
from training.significance import (
    Comparison,
    Estimate,
    diebold_mariano,
    ratio_estimate,
    share_estimate,
    skill_estimate,
    time_blocks,
)


def overlap(grid_ms: int) -> float:
    """Return how many decisions of a grid share a piece of their horizons."""
    return max(1.0, HORIZON_MS / grid_ms)


def dm_lags(grid_ms: int) -> int:
    """Return the lags of a Diebold-Mariano test, in decisions of a grid: six horizons.

    Overlapping errors of an h-step forecast are correlated over h - 1 steps, and forecasts persist;
    a Bartlett variance of h lags alone would see three quarters of what that adds.
    """
    return max(1, 6 * HORIZON_MS // grid_ms)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model by the protocol: n decisions of the grid, each figure with its interval."""

    name: str
    n: int
    r2: Estimate
    mae_ratio: Estimate
    hit_rate: Estimate
    log_loss: float
    log_loss_skill: Estimate
    brier: float
    brier_prior: float
    ece: float
    coverage: Estimate

    def figures(self) -> dict[str, float | None]:
        """Return the figures that the leak alarms look at."""
        return {
            "r2": self.r2.value,
            "hit_rate": self.hit_rate.value,
            "mae_ratio": self.mae_ratio.value,
        }

    def to_record(self) -> dict[str, object]:
        """Return plain values, as they go into a manifest."""
        return asdict(self)


def judge(name: str, answers: Floats, prior: Floats, decisions: Decisions) -> Judgement:
    """Judge forecasts [n, 6] on decisions; prior: class probabilities [3] or [n, 3]."""
    y, predicted, probabilities = decisions.returns_bp, answers[:, 0], answers[:, 3:]
    blocks = time_blocks(decisions.decided_ms)
    base = np.broadcast_to(prior, probabilities.shape)
    counted = evaluation.moved_with_direction(y, predicted)
    ones, shared = np.ones(len(y)), overlap(decisions.grid_ms)

    def estimate(above: Floats, below: Floats, rows: np.typing.NDArray[np.bool_]) -> Estimate:
        return ratio_estimate(above[rows], below[rows], blocks[rows], overlap=shared)

    every = np.ones(len(y), dtype=np.bool_)
    losses = evaluation.log_losses(decisions.classes, probabilities)
    base_losses = evaluation.log_losses(decisions.classes, base)
    return Judgement(
        name=name,
        n=len(y),
        r2=skill_estimate(estimate(evaluation.squared_errors(y, predicted), y**2, every)),
        mae_ratio=estimate(evaluation.absolute_errors(y, predicted), np.abs(y), every),
        hit_rate=share_estimate(estimate(evaluation.hits(y, predicted), ones, counted)),
        log_loss=float(losses.mean()),
        log_loss_skill=skill_estimate(estimate(losses, base_losses, every)),
        brier=float(evaluation.brier_scores(decisions.classes, probabilities).mean()),
        brier_prior=float(evaluation.brier_scores(decisions.classes, base).mean()),
        ece=evaluation.class_calibration_error(decisions.classes, probabilities),
        coverage=share_estimate(
            estimate(evaluation.covered(y, answers[:, 1], answers[:, 2]), ones, every)
        ),
    )


def compare(model: Floats, baseline: Floats, decisions: Decisions) -> Comparison:
    """Test whether the model's squared error is smaller than the baseline's."""
    y = decisions.returns_bp
    return diebold_mariano(
        evaluation.squared_errors(y, model[:, 0]),
        evaluation.squared_errors(y, baseline[:, 0]),
        decisions.decided_ms,
        step_ms=decisions.grid_ms,
        lags=dm_lags(decisions.grid_ms),
    )
