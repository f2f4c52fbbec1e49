"""Signal networks of the shipped architecture that know nothing, where none are shipped.

Read by `benchmarks/signals.py`: what a network costs does not depend on what it learned.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from inference.artefacts.manifest import Training
from inference.artefacts.manifest_files import file_digest
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    Hazard,
    SignalManifest,
    TouchTimes,
)
from inference.artefacts.torch_import import CnnLstm, Shape, export_onnx
from inference.vocabulary import Role
from market.candles.indicators import INDICATOR_COUNT
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.symbols import DEFAULT_SIGNAL_SYMBOLS

_HAZARD = Hazard(median=60, low=20, high=200, n=0)
_ROW = (_HAZARD, _HAZARD, _HAZARD)


def write_stand_ins(models: Path) -> None:
    """Write `pooled/<TF>` and each coin's pointer under `models`."""
    for timeframe in SIGNAL_TIMEFRAMES:
        name = f"pooled/{timeframe}"
        network = CnnLstm(Shape(symbols=len(DEFAULT_SIGNAL_SYMBOLS), embedding=4)).eval()
        path = models / name / NETWORK_NAME
        export_onnx(network, np.zeros(INDICATOR_COUNT), np.ones(INDICATOR_COUNT), path)
        card = msgspec.json.encode(_manifest(timeframe, file_digest(path)))
        path.with_name(MANIFEST_NAME).write_bytes(card)
        for symbol in DEFAULT_SIGNAL_SYMBOLS:
            own = models / symbol / timeframe
            own.mkdir(parents=True)
            (own / MANIFEST_NAME).write_text(json.dumps({"points_to": name}))


def _manifest(timeframe: Timeframe, digest: str) -> SignalManifest:
    now = datetime.now(UTC)
    return SignalManifest(
        version=f"stand-in-{timeframe}",
        timeframe=timeframe,
        role=Role.BASELINE,
        architecture="CNN-LSTM",
        symbols=DEFAULT_SIGNAL_SYMBOLS,
        label="none",
        threshold=0.0,
        accuracy=None,
        touch_times=TouchTimes(tercile_edges=(0.005, 0.01), long=_ROW, short=_ROW),
        training=Training(span=(now, now), recordings=(), rows=0, data_digest="none"),
        metrics={},
        calibration={},
        conclusion="It knows nothing; it takes as long as one that does.",
        files={NETWORK_NAME: digest},
        created_at=now,
    )
