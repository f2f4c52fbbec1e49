"""Feature cells of a made-up market with a planted signal, for trying the training itself.

The mid follows the order-book imbalance a little: microprice-linear has a known, small skill
that a fit must find, and that shuffled labels must not show.
"""

import numpy as np

from market.hot.vector import CELL_MS, CELL_PHASE_MS, FEATURE_COUNT, INDEX
from training.recordings import Cells, Floats

SIGMA_BP = 1.0
SPREAD_BP = 2.0
START_MS = 1_700_000_000_000 + CELL_PHASE_MS


def synthetic_cells(*, minutes: float, seed: int, signal: float = 0.3) -> Cells:
    """Return `minutes` of cells. signal: pull of the imbalance on the drift; 0 = none."""
    rng = np.random.default_rng(seed)
    count = round(minutes * 60_000 / CELL_MS)
    imbalance = np.tanh(_autoregressive(rng.normal(size=count), 0.99))
    step_bp = SIGMA_BP * np.sqrt(CELL_MS / 1000)
    drift = signal * SIGMA_BP * imbalance * CELL_MS / 1000
    moves = np.round((drift + step_bp * rng.normal(size=count)) / 0.5) * 0.5
    log_mid = np.concatenate([[0.0], np.cumsum(moves)[:-1]])
    mid = 50_000.0 * np.exp(log_mid / 1e4)
    values = rng.normal(size=(count, FEATURE_COUNT))
    columns = {
        "price": mid * np.exp(SPREAD_BP / 2e4 * rng.choice([-1.0, 1.0], size=count)),
        "mid_price": mid,
        "ret_1s": _past(log_mid, 10),
        "ret_5s": _past(log_mid, 50),
        "ret_10s": _past(log_mid, 100),
        "volume_1s": rng.exponential(size=count),
        "volume_5s": rng.exponential(size=count),
        "spread_bp": np.full(count, SPREAD_BP),
        "ob_imbalance": imbalance,
        "trade_intensity_1s": rng.poisson(5.0, size=count).astype(np.float64),
        "avg_trade_size_1s": rng.exponential(size=count),
        "dollar_volume_1s": rng.exponential(50_000.0, size=count),
        "price_volatility": np.full(count, SIGMA_BP) * rng.uniform(0.9, 1.1, size=count),
    }
    for name, column in columns.items():
        values[:, INDEX[name]] = column
    values[:, INDEX["momentum"]] = values[:, INDEX["ret_10s"]] / np.sqrt(10)
    times = START_MS + CELL_MS * np.arange(count, dtype=np.int64)
    return Cells(f"synthetic-{seed}", times, values)


def _autoregressive(noise: Floats, memory: float) -> Floats:
    state, states = 0.0, np.empty(len(noise))
    for index, shock in enumerate(np.sqrt(1 - memory**2) * noise):
        state = memory * state + shock
        states[index] = state
    return states


def _past(log_mid: Floats, steps: int) -> Floats:
    past = np.full(len(log_mid), np.nan)
    past[steps:] = log_mid[steps:] - log_mid[:-steps]
    return past
