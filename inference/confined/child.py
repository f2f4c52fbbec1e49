"""The process that a network is confined to; see `inference.confined.network`, which starts it.

    python -m inference.confined.child DESCRIPTOR

opens what the order on the connection names, as the loops do, and answers rows until the
connection ends.
"""

import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from cryptosite.processes.orphans import follow_parent
from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.registry import Registry
from inference.artefacts.signal_loading import Loading
from inference.artefacts.signal_network import NetworkError, open_signal_network
from inference.artefacts.torch_conversion import KeptConversions
from inference.artefacts.versions import FORECASTER_NAME, Slot, parse_slot
from inference.confined.messages import Array, Asked, Order, Told
from inference.forecasts.engine import Engine, EngineError
from market.candles.timeframes import Timeframe

MEMORY_BYTES = 2_147_483_648
"""Of data, all of it together; the largest file that is read takes half of it."""
CPU_SECONDS = 180
"""Should nobody be left to end it. Longer than whoever waits for it does."""

Arrays = Sequence[npt.NDArray[Any]]
Run = Callable[[Arrays], npt.NDArray[np.float64]]


def main(arguments: Sequence[str]) -> int:
    follow_parent()
    connection = Connection(int(arguments[0]))
    order = msgspec.msgpack.decode(connection.recv_bytes(), type=Order)
    _confine()
    try:
        run = _opened(parse_slot(order.slot), order)
    except ArtefactError as error:
        _tell(connection, Told(code=error.code, path=str(error.path), message=error.message))
        return 0
    except MemoryError:
        message = f"needs more than {MEMORY_BYTES >> 20} MiB of memory to be opened"
        _tell(connection, Told(code=Refusal.REFUSED, path=order.folder, message=message))
        return 0
    _tell(connection, Told())
    while True:
        try:
            given = connection.recv_bytes()
        except EOFError:
            return 0
        asked = msgspec.msgpack.decode(given, type=Asked)
        _tell(connection, _answer(run, [each.values() for each in asked.arrays]))


def _confine() -> None:
    limits = {
        resource.RLIMIT_DATA: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        with suppress(OSError, ValueError):  # a system that has a lower bound already, or none
            resource.setrlimit(kind, (most, most))


def _opened(slot: Slot, order: Order) -> Run:
    if slot.timeframe is None:
        return _forecaster(Path(order.folder) / FORECASTER_NAME, order)
    return _signals(Path(order.folder), slot.timeframe)


def _forecaster(path: Path, order: Order) -> Run:
    registry = Registry(
        configured=str(path),
        base_dir=path.parent,
        var_dir=path.parent,
        horizon_ms=order.horizon_ms,
    )
    engine = Engine(registry.load_at(path))
    try:
        for count in {1, order.rows}:
            engine.warm_up(1, count)
    except EngineError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"fails on plausible inputs: {error}") from error

    def run(arrays: Arrays) -> npt.NDArray[np.float64]:
        (features,) = arrays
        said = engine.predict(features)
        return np.column_stack(
            (said.ret_bp, said.q05_bp, said.q95_bp, said.p_up, said.p_flat, said.p_down)
        )

    return run


def _signals(folder: Path, timeframe: Timeframe) -> Run:
    loading = Loading((), KeptConversions(folder), open_signal_network)
    symbol = loading.manifest_at(folder).symbols[0]
    network = loading.load_at(folder, symbol, timeframe).network

    def run(arrays: Arrays) -> npt.NDArray[np.float64]:
        windows, symbols = arrays
        return network.run(windows, symbols)

    return run


def _answer(run: Run, arrays: Arrays) -> Told:
    try:
        return Told(answer=Array.of(run(arrays)))
    except (EngineError, NetworkError) as error:
        return Told(message=str(error), failed=True)
    except MemoryError:
        message = f"{len(arrays[0])} rows take more than {MEMORY_BYTES >> 20} MiB of memory"
        return Told(message=message, failed=True)


def _tell(connection: Connection, told: Told) -> None:
    connection.send_bytes(msgspec.msgpack.encode(told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
