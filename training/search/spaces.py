"""What the search may change of a network's fit, and how far: small spaces, each for a reason.

The first variant of every search is the fit as it is; all bounds lie around it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from training.options import ForecastOptions
from training.signals.options import FitOptions

Space = Mapping[str, BaseDistribution]
Params = Mapping[str, Any]

SIGNAL_SPACE: Space = {
    # First of those to be tried (LAB_LOG): it looked best where nothing could be chosen any more.
    "label_smoothing": FloatDistribution(0.0, 0.2),
    # Past these a network was overconfident at once (LAB_LOG).
    "learning_rate": FloatDistribution(2e-4, 1e-3, log=True),
    "dropout": FloatDistribution(0.3, 0.6),
    "weight_decay": FloatDistribution(1e-2, 1.0, log=True),
    # 32 gained nothing over 16; 8 was never tried.
    "channels": CategoricalDistribution((8, 16, 32)),
    "hidden": CategoricalDistribution((8, 16, 32)),
}
FORECAST_SPACE: Space = {
    # How much of the residual is let through decides between a network and a ridge.
    "residual_penalty": FloatDistribution(0.1, 10.0, log=True),
    "learning_rate": FloatDistribution(2e-4, 5e-3, log=True),
    "weight_decay": FloatDistribution(5e-3, 0.5, log=True),
    "label_smoothing": FloatDistribution(0.0, 0.1),
    "hidden": CategoricalDistribution((8, 16, 32)),
}


def forecast_params(options: ForecastOptions) -> Params:
    """Return the options' own place in the space."""
    return {name: getattr(options, name) for name in FORECAST_SPACE}


def forecast_options(base: ForecastOptions, params: Params) -> ForecastOptions:
    """Return options with a variant's parameters in them."""
    return replace(base, **params)


def signal_params(options: FitOptions) -> Params:
    """Return the options' own place in the space. channels: the width of each layer."""
    values = {name: getattr(options, name) for name in SIGNAL_SPACE}
    return {**values, "channels": options.channels[0]}


def signal_options(base: FitOptions, params: Params) -> FitOptions:
    """Return options with a variant's parameters in them."""
    return replace(base, **{**params, "channels": (params["channels"],) * len(base.channels)})
