"""The simple models that a network must beat, each servable in the network's own contract.

Read by the protocol. Every fit sees its rows and their mirror images, a market that falls where
this one rises: months of one trend do not teach that prices fall.
"""

import re
from dataclasses import dataclass, replace
from typing import Protocol

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression

from market.candles.indicators import ATR_RATIO, INDICATOR_COUNT, INDICATOR_NAMES
from market.candles.series import Floats, Integers
from market.candles.timeframes import Timeframe
from training.recordings import TooLittleDataError
from training.signals.datasets import SignalDataset
from training.signals.picking import (
    LINEAR_COLUMNS,
    VOLATILITY_COLUMNS,
    Column,
    pick_columns,
    pick_rows,
)
from training.signals.windows import CENTRES, EXCHANGED, SIGNED

PRIOR, VOLATILITY, LOGISTIC, TREES = (
    "class prior",
    "volatility only",
    "multinomial logistic",
    "LightGBM",
)
BASELINES = (PRIOR, VOLATILITY, LOGISTIC, TREES)
"""Simplest first."""

FIT_STRIDE = {Timeframe.M15: 4}
"""Every so manieth decision time teaches; labels of 12 candles overlap, little is lost."""
MINIMUM_ROWS = 100
CLIP = 5.0
"""Standardised inputs of linear models are clipped here: one wild candle is one candle."""
FREE, HELD = 1e-2, 1e-5
"""Inverse penalties: two columns hardly need one, a hundred that say much the same do."""
TREES_GROWN = 120


class SignalModel(Protocol):
    """A fitted model: decisions → probabilities [k, 3], not yet calibrated."""

    @property
    def name(self) -> str: ...

    def predict(self, dataset: SignalDataset, rows: Integers) -> Floats: ...


@dataclass(frozen=True, slots=True)
class LinearModel:
    """softmax(clip((x - mean) · gain) @ weights + bias): prior, volatility and logistic."""

    name: str
    columns: tuple[Column, ...]
    mean: Floats
    gain: Floats
    weights: Floats
    bias: Floats

    def predict(self, dataset: SignalDataset, rows: Integers) -> Floats:
        inputs = pick_columns(dataset, rows, self.columns)
        scores = _standard(inputs, self.mean, self.gain) @ self.weights + self.bias
        return _softmax(scores)


@dataclass(frozen=True, slots=True)
class TreesModel:
    """LightGBM on lagged rows and the symbol; its thresholds are float32 numbers."""

    name: str
    booster: lightgbm.Booster

    def predict(self, dataset: SignalDataset, rows: Integers) -> Floats:
        answers: Floats = np.asarray(self.booster.predict(pick_rows(dataset, rows)))
        return answers


def fit_prior(dataset: SignalDataset, rows: Integers) -> LinearModel:
    """Fit the class shares. Its one column has no weight: a graph needs an input."""
    columns = (Column(0, ATR_RATIO, log=True),)
    zero, one = np.zeros(1), np.ones(1)
    bias = np.log(class_shares(dataset, rows))
    return LinearModel(PRIOR, columns, zero, one, np.zeros((1, 3)), bias)


def fit_volatility(dataset: SignalDataset, rows: Integers) -> LinearModel:
    """Fit the logistic on ATR ÷ close and log volume alone.

    A market's mirror image has the same of both, so SHORT and LONG are made exactly equal.
    """
    model = fit_linear(VOLATILITY, dataset, rows, VOLATILITY_COLUMNS, FREE)
    exchanged = list(EXCHANGED)
    weights = (model.weights + model.weights[:, exchanged]) / 2
    return replace(model, weights=weights, bias=(model.bias + model.bias[exchanged]) / 2)


def fit_logistic(dataset: SignalDataset, rows: Integers) -> LinearModel:
    """Fit the logistic on all indicators of seven rows."""
    return fit_linear(LOGISTIC, dataset, rows, LINEAR_COLUMNS, HELD)


def fit_linear(
    name: str,
    dataset: SignalDataset,
    rows: Integers,
    columns: tuple[Column, ...],
    strength: float,
) -> LinearModel:
    """Fit a penalised multinomial logistic on some columns and on their mirror images.

    strength: the inverse of the penalty. Raises TrainingDataError where there are too few rows.
    """
    chosen = lesson(dataset, rows)
    inputs = np.concatenate(
        [pick_columns(one, chosen, columns) for one in (dataset, mirrored(dataset))]
    )
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    gain = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    model = LogisticRegression(C=strength, tol=1e-4, max_iter=500)
    model.fit(_standard(inputs, mean, gain), _labels(dataset, chosen))
    return LinearModel(name, columns, mean, gain, model.coef_.T, model.intercept_)


def fit_trees(dataset: SignalDataset, rows: Integers, *, seed: int, threads: int = 1) -> TreesModel:
    """Fit LightGBM on the rows and on their mirror images.

    Raises TrainingDataError where there are too few rows.
    """
    chosen = lesson(dataset, rows)
    inputs = np.concatenate([pick_rows(one, chosen) for one in (dataset, mirrored(dataset))])
    parameters = {
        "objective": "multiclass",
        "num_class": 3,
        "learning_rate": 0.03,
        "num_leaves": 4,
        "min_data_in_leaf": max(20, len(inputs) // 60),
        "lambda_l2": 10.0,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "max_bin": 63,
        "seed": seed,
        "deterministic": True,
        "num_threads": threads,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(inputs, _labels(dataset, chosen))
    booster = lightgbm.train(parameters, data, num_boost_round=TREES_GROWN)
    return TreesModel(TREES, float32_thresholds(booster))


def class_shares(dataset: SignalDataset, rows: Integers) -> Floats:
    """Return the shares of the classes, SHORT and LONG evened out as in every fit, [3]."""
    shares = np.bincount(dataset.label[rows], minlength=3) / len(rows)
    even: Floats = np.maximum((shares + shares[::-1]) / 2, 1e-9)
    return even


def mirrored(dataset: SignalDataset) -> SignalDataset:
    """Return the dataset as a market that falls where this one rises would have given it.

    Labels stay as they are: a row's class is to be exchanged by whoever takes it.
    """
    sign, shift = np.ones(INDICATOR_COUNT, np.float32), np.zeros(INDICATOR_COUNT, np.float32)
    for index, name in enumerate(INDICATOR_NAMES):
        if name in SIGNED or name in CENTRES:
            sign[index], shift[index] = -1.0, 2 * CENTRES.get(name, 0.0)
    return replace(dataset, indicators=dataset.indicators * sign + shift)


def float32_thresholds(booster: lightgbm.Booster) -> lightgbm.Booster:
    """Return the booster with each threshold rounded down to a float32.

    Inputs are float32, so x <= t decides as before, and a graph of float32 decides the same.
    """

    def rounded(line: re.Match[str]) -> str:
        thresholds = np.array(line[1].split(), dtype=np.float64)
        down = thresholds.astype(np.float32)
        above = down.astype(np.float64) > thresholds
        down[above] = np.nextafter(down[above], np.float32(-np.inf))
        return "threshold=" + " ".join(repr(float(value)) for value in down)

    text = re.sub(r"^threshold=(.+)$", rounded, booster.model_to_string(), flags=re.MULTILINE)
    # Sizes of trees are written in the text; without them it is read line by line.
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)
    return lightgbm.Booster(model_str=text)


def lesson(dataset: SignalDataset, rows: Integers) -> Integers:
    """Return the rows that teach.

    Raises TooLittleDataError where they are too few, or one class never happens.
    """
    times = np.unique(dataset.decided_ms)
    place = np.searchsorted(times, dataset.decided_ms[rows])
    chosen: Integers = rows[place % FIT_STRIDE.get(dataset.timeframe, 1) == 0]
    if len(chosen) < MINIMUM_ROWS or len(np.unique(dataset.label[chosen])) < len(EXCHANGED):
        raise TooLittleDataError(
            f"{len(rows)} decisions of {dataset.timeframe} teach too little: {MINIMUM_ROWS} are"
            " needed, of every class; give more candles"
        )
    return chosen


def _labels(dataset: SignalDataset, rows: Integers) -> Integers:
    label = dataset.label[rows]
    both: Integers = np.concatenate([label, np.array(EXCHANGED)[label]]).astype(np.int64)
    return both


def _standard(inputs: Floats, mean: Floats, gain: Floats) -> Floats:
    standard: Floats = np.clip((inputs - mean) * gain, -CLIP, CLIP)
    return standard


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
