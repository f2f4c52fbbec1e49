"""Probabilities made honest, and the threshold under which a direction is not called.

Both are set on a slice later than the one that the weights saw.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from inference.signals.levels import HORIZON_CANDLES
from market.candles.series import Floats, Integers
from training.evaluation import log_losses
from training.signals.judging import TOP_SHARE, direction_confidence, directions, names_direction
from training.signals.labels import NO_TRADE
from training.significance import ratio_estimate

TEMPERATURE_RANGE = (0.5, 5.0)
TEMPERATURE_SPREAD = 0.3
THRESHOLD_STEPS = 40
MINIMUM_WON = 0.5
THRESHOLD_RULE = (
    "the smallest probability at which the LONG and SHORT signals of the calibration slice that"
    " are at least so likely touch TP1 before the stop-loss in more than half of the cases, with"
    " the lower end of a 95 % block-bootstrap interval above one half; where there is none, the"
    " probability that the surest tenth of them reaches, and 1 for a model that never names a"
    " direction"
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """value: probability a LONG or SHORT must have; proven: the rule held on the slice; won,
    lower: share of TP1 before stop-loss among the kept signals that touched, and its interval's
    lower end; kept: their number, ended by a touch or not."""

    value: float
    proven: bool
    won: float | None
    lower: float | None
    kept: int


def fit_temperature(label: Integers, answers: Floats, step: Integers) -> float:
    """Return the temperature at which softmax(ln p / T) has the least penalised log-loss.

    step: [n], the decision's number in time. The slice counts as one observation a horizon,
    whatever the number of coins, and ln T is held near 0 as by a normal of TEMPERATURE_SPREAD:
    some weeks of one mood of the market must not double or halve every probability.
    """
    independent = (int(np.ptp(step)) + 1) / HORIZON_CANDLES

    def loss(log_temperature: float) -> float:
        losses = log_losses(label, tempered(answers, float(np.exp(log_temperature))))
        held = (log_temperature / TEMPERATURE_SPREAD) ** 2 / 2
        return independent * float(losses.mean()) + held

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_RANGE)), method="bounded")
    return float(np.exp(found.x))


def tempered(answers: Floats, temperature: float) -> Floats:
    """Return softmax(ln p / temperature), rows of [n, 3] that sum to 1."""
    logits = np.log(np.maximum(answers, 1e-9)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit_threshold(label: Integers, answers: Floats, blocks: Integers) -> Threshold:
    """Choose the threshold on calibrated probabilities [n, 3] by THRESHOLD_RULE.

    blocks: [n], as intervals resample them.
    """
    signals = (answers.argmax(axis=1) != NO_TRADE) & names_direction(answers)
    sure = np.where(signals, direction_confidence(answers), 0.0)
    if not signals.any():  # nothing it says is a direction: none is called
        return Threshold(1.0, False, None, None, 0)
    steps = np.quantile(sure[signals], np.linspace(0, 1 - TOP_SHARE, THRESHOLD_STEPS))
    kept = _won(label, answers, blocks, sure, float(steps[-1]))
    for step in steps:
        found = _won(label, answers, blocks, sure, float(step))
        if found.lower is not None and found.lower > MINIMUM_WON:
            return Threshold(found.value, True, found.won, found.lower, found.kept)
    return kept


def _won(
    label: Integers, answers: Floats, blocks: Integers, sure: Floats, threshold: float
) -> Threshold:
    kept = sure >= threshold
    ended = kept & (label != NO_TRADE)
    right = (directions(answers) == label)[ended].astype(np.float64)
    won = ratio_estimate(right, np.ones(len(right)), blocks[ended], overlap=HORIZON_CANDLES)
    return Threshold(threshold, False, won.value, won.lower, int(kept.sum()))
