"""The card beside a signal network: what it is, what it was trained on, what it may claim.

`models/pooled/1h/manifest.json` describes the files beside it. `models/BTCUSDT/1h/manifest.json`
may be such a manifest of the coin's own network, or a Pointer to a pooled one. Training writes
them; the signal registry checks all of it before it serves.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inference.artefacts.manifest import Digest, FileName, Training, Version
from inference.artefacts.manifest_files import SCALER_NAME as SCALER_NAME
from inference.vocabulary import DIRECTIONS, Role
from market.candles.timeframes import Timeframe
from market.candles.vector import INDICATOR_COUNT, INDICATOR_NAMES, WINDOW

MANIFEST_NAME = "manifest.json"
NETWORK_NAME = "cnn_lstm_best.onnx"
"""The ONNX graph that is served, whatever its architecture: a champion baseline bears it too."""
TORCH_NAME = "cnn_lstm_best.pt"

WINDOW_INPUT = "window"
SYMBOL_INPUT = "symbol"
OUTPUT_NAME = "probabilities"
"""Tensors: window float32 [N, 60, 14] of raw indicators; symbol int64 [N], the index in
`symbols`; probabilities float32 [N, 3], calibrated, in the order of DIRECTIONS. Scaling and
temperature are inside the graph."""

LABELS = {direction.value: index for index, direction in enumerate(DIRECTIONS)}

Share = Annotated[float, Meta(ge=0, le=1)]


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When TP1 is first touched, given that it is, in minutes after entry: median and the
    10 % and 90 % quantiles; n: touches it rests on."""

    median: Annotated[float, Meta(gt=0)]
    low: Annotated[float, Meta(gt=0)]
    high: Annotated[float, Meta(gt=0)]
    n: Annotated[int, Meta(ge=0)]


class TouchTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ETA table. tercile_edges: two bounds of ATR ÷ close; rows `long`, `short`: one Hazard
    a tercile, from calm to wild."""

    tercile_edges: tuple[float, float]
    long: tuple[Hazard, Hazard, Hazard]
    short: tuple[Hazard, Hazard, Hazard]


class SignalManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that must be known about a signal network before it is served.

    symbols: index order of the `symbol` input; a coin that is not here is not served by it.
    threshold: LONG and SHORT below it become NO_TRADE. accuracy: out-of-sample share of right
    classes among three, of what is served. `metrics` stands beside the baselines;
    `conclusion` says in one honest sentence what they show.
    """

    version: Version
    engine: Literal["signals"] = "signals"
    timeframe: Timeframe
    role: Role
    architecture: Annotated[str, Meta(min_length=1)]
    network: FileName = NETWORK_NAME
    symbols: Annotated[tuple[str, ...], Meta(min_length=1)]
    features: tuple[str, ...] = INDICATOR_NAMES
    input_shape: tuple[int | str, ...] = ("batch", WINDOW, INDICATOR_COUNT)
    labels: dict[str, int] = msgspec.field(default_factory=lambda: dict(LABELS))
    label: Annotated[str, Meta(min_length=1)]
    barrier_atr: Annotated[float, Meta(gt=0)] = 2.0
    horizon_candles: Annotated[int, Meta(gt=0)] = 12
    threshold: Share
    accuracy: Share | None
    touch_times: TouchTimes
    training: Training
    metrics: dict[str, Any]
    calibration: dict[str, Any]
    conclusion: Annotated[str, Meta(min_length=1)]
    files: dict[FileName, Digest]
    created_at: datetime


class Pointer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coin's manifest that serves a pooled network: its folder's name under `models/`, as in
    `pooled/1h`. Looked up in `var/models/` first, then in `models/`."""

    points_to: Annotated[str, Meta(pattern=r"^pooled/(15m|1h|4h|1d)$")]
