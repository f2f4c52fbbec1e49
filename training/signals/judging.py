"""One signal model's figures on decisions it never saw, with intervals; a plain record of them.

Blocks of time hold all symbols together and are four horizons long; every n has its n_eff.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from inference.signals.levels import HORIZON_CANDLES
from market.candles.series import Flags, Floats, Integers
from market.candles.timeframes import Timeframe
from training import evaluation
from training.criteria import TERCILES, TIME_BLOCKS
from training.signals.labels import LONG, NO_TRADE, SHORT
from training.significance import (
    Comparison,
    Estimate,
    diebold_mariano,
    ratio_estimate,
    share_estimate,
    skill_estimate,
    time_blocks,
)

BLOCK_CANDLES = 4 * HORIZON_CANDLES
DM_LAGS = 6 * HORIZON_CANDLES
"""Overlapping labels correlate over a horizon; what they are made of lasts longer."""
TOP_SHARE = 0.1
ROUNDING = 1e-6
"""Losses or probabilities closer than this are the same: float32 tells them no further apart."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions that models are judged on, all [n]. prior: [n, 3], the class shares of the rows
    that the weights of the decision's fold learned from; step: the decision's number in time,
    on which time without decisions takes none."""

    timeframe: Timeframe
    decided_ms: Integers
    step: Integers
    label: Integers
    atr_ratio: Floats
    touch_minutes: Floats
    prior: Floats

    def take(self, rows: Flags | Integers) -> "Judged":
        """Return some of the decisions."""
        return Judged(self.timeframe, *(getattr(self, name)[rows] for name in _COLUMNS))

    @classmethod
    def joined(cls, parts: Sequence["Judged"]) -> "Judged":
        """Return the decisions of several parts as one, part after part."""
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
        return cls(parts[0].timeframe, *columns)

    @property
    def blocks(self) -> Integers:
        return time_blocks(self.step, BLOCK_CANDLES)

    @property
    def sixths(self) -> Integers:
        """Which of six equal stretches of time each decision lies in."""
        return evaluation.quantile_parts(self.step, TIME_BLOCKS)

    @property
    def terciles(self) -> Integers:
        """Which third of volatility (ATR ÷ close) each decision lies in: 0 is calm."""
        return evaluation.quantile_parts(self.atr_ratio, TERCILES)


_COLUMNS = tuple(field.name for field in fields(Judged) if field.name != "timeframe")


@dataclass(frozen=True, slots=True)
class SignalJudgement:
    """A signal model by the protocol.

    log_loss_skill: 1 - log-loss ÷ that of the class prior; touch_skill: the same for touch
    against none alone. direction_given_touch: share of right directions where a barrier was
    touched, the likelier of SHORT and LONG being the model's word; top_decile_direction: of
    those, the decisions whose larger of the two is among the largest tenth of all; both without
    the decisions where the model names no direction.
    block_skills: by six stretches of time; tercile_skills: from calm to wild.
    touch_share: how much of the log-loss gained on the prior is knowing whether a barrier is
    touched, the rest being which one; None where nothing is gained.
    """

    name: str
    n: int
    log_loss: float
    log_loss_skill: Estimate
    dm_p: float | None
    touch_skill: Estimate
    direction_given_touch: Estimate
    top_decile_direction: Estimate
    accuracy: Estimate
    brier: float
    brier_prior: float
    ece: float
    block_skills: tuple[float, ...]
    tercile_skills: tuple[float, ...]
    touch_share: float | None = None

    def figures(self) -> dict[str, Estimate]:
        """Return the figures that the leak alarms look at."""
        return {
            "log_loss_skill": self.log_loss_skill,
            "direction_given_touch": self.direction_given_touch,
            "top_decile_direction": self.top_decile_direction,
        }

    def to_record(self) -> dict[str, object]:
        """Return plain values, as they go into a manifest."""
        return asdict(self)


def judge(name: str, answers: Floats, judged: Judged) -> SignalJudgement:
    """Judge probabilities [n, 3] on decisions."""
    blocks, label = judged.blocks, judged.label
    base = _losses(judged.prior, judged)
    losses = _settled(_losses(answers, judged), base)
    touched = label != NO_TRADE
    every = np.ones(len(label), dtype=np.bool_)
    ones = np.ones(len(label))

    def estimate(above: Floats, below: Floats, rows: Flags) -> Estimate:
        return ratio_estimate(above[rows], below[rows], blocks[rows], overlap=HORIZON_CANDLES)

    figures = alarm_figures(answers, judged)
    right = correct(answers, label)
    touch_base = _touch_losses(judged.prior, touched)
    touch_losses = _settled(_touch_losses(answers, touched), touch_base)
    return SignalJudgement(
        name=name,
        n=len(label),
        log_loss=float(losses.mean()),
        log_loss_skill=figures["log_loss_skill"],
        dm_p=compare(answers, judged.prior, judged).p,
        touch_skill=_skill(touch_losses, touch_base, blocks),
        direction_given_touch=figures["direction_given_touch"],
        top_decile_direction=figures["top_decile_direction"],
        accuracy=share_estimate(estimate(right, ones, every)),
        brier=float(evaluation.brier_scores(label, answers).mean()),
        brier_prior=float(evaluation.brier_scores(label, judged.prior).mean()),
        ece=calibration_error(label, answers),
        block_skills=_skills(losses, base, judged.sixths, TIME_BLOCKS),
        tercile_skills=_skills(losses, base, judged.terciles, TERCILES),
        touch_share=_touch_share(losses, base, touch_losses, touch_base),
    )


def alarm_figures(answers: Floats, judged: Judged) -> dict[str, Estimate]:
    """Return the figures that the leak alarms look at, of probabilities [n, 3]."""
    blocks, label = judged.blocks, judged.label
    called = (label != NO_TRADE) & names_direction(answers)
    right = (directions(answers) == label).astype(np.float64)
    losses, base = paired_losses(answers, judged.prior, judged)

    def share(rows: Flags) -> Estimate:
        ones = np.ones(int(rows.sum()))
        return share_estimate(
            ratio_estimate(right[rows], ones, blocks[rows], overlap=HORIZON_CANDLES)
        )

    return {
        "log_loss_skill": _skill(losses, base, blocks),
        "direction_given_touch": share(called),
        "top_decile_direction": share(called & top(answers)),
    }


def compare(model: Floats, other: Floats, judged: Judged) -> Comparison:
    """Test whether the model's log-loss is smaller, symbols of one time averaged first."""
    mine, theirs = paired_losses(model, other, judged)
    return diebold_mariano(mine, theirs, judged.step, step_ms=1, lags=DM_LAGS)


def directions(answers: Floats) -> Integers:
    """Return the likelier of SHORT and LONG, [n]."""
    longer = answers[:, LONG] > answers[:, SHORT]
    return np.where(longer, LONG, SHORT).astype(np.int64)


def calibration_error(label: Integers, answers: Floats) -> float:
    """Return the ECE (ten bins of equal mass) averaged over the classes.

    Rows of one probability share their outcomes: a constant answer has one bin, however many
    it is cut into, and not the drift of the market from one to the next.
    """
    errors = []
    for index, column in enumerate(answers.T):
        happened = (label == index).astype(np.float64)
        place = np.unique(column, return_inverse=True)[1]
        shared = (np.bincount(place, happened) / np.bincount(place))[place]
        errors.append(evaluation.expected_calibration_error(shared, column))
    return float(np.mean(errors))


def correct(answers: Floats, label: Integers) -> Floats:
    """Return 1.0 where the likeliest class happened, 0.5 where it is tied with the one that did.

    Only SHORT and LONG tie: a model that names no direction guesses one.
    """
    right: Floats = (answers.argmax(axis=1) == label).astype(np.float64)
    guessed = (answers.argmax(axis=1) != NO_TRADE) & ~names_direction(answers)
    right[guessed] = np.where(label[guessed] == NO_TRADE, 0.0, 0.5)
    return right


def names_direction(answers: Floats) -> Flags:
    """Return the rows where SHORT and LONG are not equally likely, [n]."""
    rows: Flags = np.abs(answers[:, LONG] - answers[:, SHORT]) > ROUNDING
    return rows


def direction_confidence(answers: Floats) -> Floats:
    """Return the larger of the probabilities of SHORT and LONG, [n]."""
    confidence: Floats = np.maximum(answers[:, SHORT], answers[:, LONG])
    return confidence


def top(answers: Floats) -> Flags:
    """Return the tenth of the rows whose direction is surest."""
    confidence = direction_confidence(answers)
    rows: Flags = confidence >= np.quantile(confidence, 1 - TOP_SHARE)
    return rows


def paired_losses(mine: Floats, theirs: Floats, judged: Judged) -> tuple[Floats, Floats]:
    """Return both models' log-losses, [n] each, equal where they are so but for rounding."""
    other = _losses(theirs, judged)
    return _settled(_losses(mine, judged), other), other


def _settled(mine: Floats, theirs: Floats) -> Floats:
    settled: Floats = np.where(np.abs(mine - theirs) < ROUNDING, theirs, mine)
    return settled


def _skill(losses: Floats, base: Floats, blocks: Integers) -> Estimate:
    ratio = ratio_estimate(losses, base, blocks, overlap=HORIZON_CANDLES)
    found = skill_estimate(ratio)
    # Where nothing differs nothing could have come out otherwise: no interval.
    same = np.array_equal(losses, base)
    return replace(found, value=0.0, lower=None, upper=None, n_eff=None) if same else found


def _touch_share(losses: Floats, base: Floats, touch: Floats, touch_base: Floats) -> float | None:
    gained = float((base - losses).sum())
    return float((touch_base - touch).sum()) / gained if gained > 0 else None


def _losses(answers: Floats, judged: Judged) -> Floats:
    return evaluation.log_losses(judged.label, answers)


def _touch_losses(answers: Floats, touched: Flags) -> Floats:
    none = answers[:, NO_TRADE]
    two = np.column_stack([none, 1 - none])
    return evaluation.log_losses(touched.astype(np.int64), two)


def _skills(losses: Floats, base: Floats, parts: Integers, count: int) -> tuple[float, ...]:
    above = np.bincount(parts, losses, minlength=count)
    below = np.bincount(parts, base, minlength=count)
    return tuple(
        float(1 - mine / theirs) if theirs else float("nan")
        for mine, theirs in zip(above, below, strict=True)
    )
