"""Runs the network: raw features of all symbols in, forecast columns out, nothing else.

Read by the forecast loop, and by whoever replays what the network would have said. Pure: no
Redis, no clock. One engine belongs to one thread.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.artefacts.manifest import OUTPUT_COLUMNS
from inference.artefacts.onnx_model import Network, plausible_rows
from inference.artefacts.registry import Contract, LoadedModel
from inference.artefacts.session import ORT_ERRORS, BoundedSession
from market.hot.vector import FEATURE_COUNT, INDEX

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MAX_RET_BP = 100_000.0
"""A greater log return (a factor of 22,000) is no price but a defect."""

_MOST_LANES = 8
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_MID = INDEX["mid_price"]


class EngineError(RuntimeError):
    """The network failed on this input. The loop publishes its fallback and goes on."""


@dataclass(slots=True)
class ModelOutput:
    """What the network says of each row, float64 [n]; NaN = unknown.

    ret_bp is the expected log mid return over the horizon in bp, q05_bp and q95_bp its
    quantiles. valid is False where ret_bp is not a usable number: such a row is no forecast.
    """

    ret_bp: Floats
    q05_bp: Floats
    q95_bp: Floats
    p_up: Floats
    p_flat: Floats
    p_down: Floats
    valid: Mask

    def rows(self, chosen: Mask) -> "ModelOutput":
        """Return the chosen rows alone."""
        return ModelOutput(
            self.ret_bp[chosen],
            self.q05_bp[chosen],
            self.q95_bp[chosen],
            self.p_up[chosen],
            self.p_flat[chosen],
            self.p_down[chosen],
            self.valid[chosen],
        )


class Engine:
    """A loaded model, ready to run.

    batch_size rows go into a run; 1 means as many as the ONNX file allows. A file with a fixed
    number of rows is always run with that number, the last run padded. `runs` counts.
    """

    def __init__(self, model: LoadedModel, batch_size: int = 1) -> None:
        self.model = model
        self.rows_a_run = model.network.rows or (batch_size if batch_size > 1 else None)
        native = model.contract is Contract.NATIVE
        self._columns = len(OUTPUT_COLUMNS) if native else 1
        self._scaler = model.scaler
        self._lanes: dict[int, _Lane] = {}
        self.runs = 0

    def warm_up(self, iterations: int, rows: int = 1) -> None:
        """Run `rows` plausible rows `iterations` times, so that the first tick is no slower."""
        features = plausible_rows(rows)
        for _ in range(iterations):
            self.predict(features)

    def predict(self, features: Floats) -> ModelOutput:
        """Return the network's output for raw features ([n, 20] float64, NaN = void).

        Which features may be void is the caller's to check. The arrays are the caller's to keep.
        Raises EngineError where ONNX Runtime fails, ValueError where the shape is wrong.
        """
        if features.ndim != 2 or features.shape[1] != FEATURE_COUNT:
            raise ValueError(f"features are {features.shape}; [rows, {FEATURE_COUNT}] is allowed")
        count = len(features)
        columns = np.empty((self._columns, count))
        try:
            step = self.rows_a_run or max(count, 1)
            for start in range(0, count, step):
                taken = features[start : start + step]
                columns[:, start : start + len(taken)] = self._run(taken, step).T
        except ORT_ERRORS as error:
            raise EngineError(f"{self.model.version}: {error}") from error
        if self.model.contract is Contract.SPECIFICATION:
            return _from_price(columns[0], features)
        return _from_columns(columns, features)

    def _run(self, features: Floats, rows: int) -> Rows:
        lane = self._lane(rows)
        count = len(features)
        with np.errstate(over="ignore"):
            lane.input[:count] = features
        if count < len(lane.input):
            lane.input[count:] = lane.input[count - 1]
        if self._scaler is not None:
            self._scaler.transform(lane.input)
        self.runs += 1
        return lane.run()[:count]

    def _lane(self, rows: int) -> "_Lane":
        lane = self._lanes.get(rows)
        if lane is not None:
            return lane
        # How many symbols can be answered changes from tick to tick: a lane up to twice as long
        # takes them padded, which costs less than another lane.
        for size, longer in self._lanes.items():
            if rows <= size <= 2 * rows:
                return longer
        if len(self._lanes) >= _MOST_LANES:
            self._lanes.clear()
        lane = self._lanes[rows] = _Lane(self.model.network, rows, self._columns)
        return lane


class _Lane:
    """Buffers for runs of one size, bound to the session once: 2 µs less a run than `run`."""

    __slots__ = ("_answer", "_binding", "_session", "input")

    def __init__(self, network: Network, rows: int, columns: int) -> None:
        self.input: Rows = np.zeros((rows, FEATURE_COUNT), np.float32)
        self._session: BoundedSession = network.session
        # The answer's own shape and type are known only from an answer.
        (answer,) = self._session.run([network.output_name], {network.input_name: self.input})
        answer = np.ascontiguousarray(answer)
        self._answer = answer.reshape(rows, columns)
        self._binding: Any = self._session.io_binding()
        self._binding.bind_input(
            network.input_name, "cpu", 0, np.float32, self.input.shape, self.input.ctypes.data
        )
        self._binding.bind_output(
            network.output_name, "cpu", 0, answer.dtype, answer.shape, answer.ctypes.data
        )

    def run(self) -> Rows:
        self._session.run_with_iobinding(self._binding)
        return self._answer


def _from_columns(columns: Floats, features: Floats) -> ModelOutput:
    if not np.isfinite(columns).all():
        columns[~np.isfinite(columns)] = np.nan
    return _checked(columns, features)


def _from_price(price: Floats, features: Floats) -> ModelOutput:
    columns = np.full((len(OUTPUT_COLUMNS), len(price)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns[0] = 1e4 * np.log(price / features[:, _MID])
    return _checked(columns, features)


def _checked(columns: Floats, features: Floats) -> ModelOutput:
    # NaN compares false, so this is the check for finite numbers too.
    valid: Mask = np.abs(columns[0]) <= MAX_RET_BP
    infinite = np.abs(features) > _FLOAT32_MAX
    if infinite.any():
        # A network may squash infinity into a number that looks fine.
        valid &= ~infinite.any(axis=1)
    if not valid.all():
        columns[:, ~valid] = np.nan
    ret_bp, q05_bp, q95_bp, p_up, p_flat, p_down = columns
    return ModelOutput(ret_bp, q05_bp, q95_bp, p_up, p_flat, p_down, valid)
