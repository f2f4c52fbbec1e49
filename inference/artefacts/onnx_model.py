"""An ONNX file opened for serving: one thread, no spinning, its tensors checked.

Read by the registry, which opens networks, and by the engine, which runs them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.session import ORT_ERRORS, BoundedSession, failed_trial, open_session
from market.hot.vector import FEATURE_COUNT, INDEX


@dataclass(frozen=True, slots=True)
class Network:
    """An open session with one float32 input [rows, width]; rows, width are None where symbolic."""

    session: BoundedSession
    input_name: str
    output_name: str
    rows: int | None
    width: int | None


def open_network(content: bytes, path: Path) -> Network:
    """Open an ONNX file's content for inference on one thread.

    Raises ArtefactError: artefact_refused where it is not a network with one float32 input
    of two dimensions, artefact_too_slow.
    """
    session = open_session(content, path)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ArtefactError(Refusal.REFUSED, path, f"has {len(inputs)} inputs; one is allowed")
    (tensor,) = inputs
    if tensor.type != "tensor(float)" or len(tensor.shape) != 2:
        raise ArtefactError(
            Refusal.REFUSED,
            path,
            f"input {tensor.name!r} is {tensor.type} {tensor.shape}; "
            "tensor(float) [rows, features] is allowed",
        )
    rows, width = (size if isinstance(size, int) else None for size in tensor.shape)
    return Network(session, tensor.name, session.get_outputs()[0].name, rows, width)


def plausible_rows(count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return [count, 20] features of a market at rest, to try and to warm a network."""
    rows = np.zeros((count, FEATURE_COUNT))
    rows[:, INDEX["price"]] = rows[:, INDEX["mid_price"]] = 100.0
    rows[:, INDEX["spread_bp"]] = rows[:, INDEX["price_volatility"]] = 1.0
    return rows


def try_network(network: Network, columns: int, path: Path) -> Network:
    """Run the network once and return it with the rows a run that it can really take.

    A network that claims any number of rows but answers only for one is taken for one row.
    Raises ArtefactError: artefact_refused where it fails or answers with another number of
    columns than `columns`, artefact_too_slow.
    """
    if network.rows is not None:
        _answer(network, network.rows, columns, path)
        return network
    try:
        _answer(network, 2, columns, path)
    except ArtefactError as error:
        if error.code is Refusal.TOO_SLOW:
            raise
        _answer(network, 1, columns, path)
        return replace(network, rows=1)
    return network


def _answer(network: Network, rows: int, columns: int, path: Path) -> None:
    feed = {network.input_name: plausible_rows(rows).astype(np.float32)}
    try:
        (answer,) = network.session.run([network.output_name], feed)
    except ORT_ERRORS as error:
        raise failed_trial(error, path) from error
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f":
        raise ArtefactError(Refusal.REFUSED, path, "does not answer with floating-point numbers")
    if answer.size != rows * columns:
        raise ArtefactError(
            Refusal.REFUSED,
            path,
            f"answers {rows} rows with {list(answer.shape)} numbers, "
            f"{columns} a row {'is' if columns == 1 else 'are'} needed",
        )
