"""Several networks as one that answers with the mean of their logits.

The members stand side by side: their weights are the blocks of larger matrices, and zeros keep
them apart. So an ensemble is served in the specification's layout, by one run of one graph.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

State = Mapping[str, Tensor]
GATES = 4
"""Of an LSTM, stacked in each of its matrices."""


def merge(members: Sequence[State]) -> dict[str, Tensor]:
    """Return the state dict of the ensemble of CnnLstm networks, all of one shape.

    Raises ValueError for networks of more than one LSTM layer.
    """
    if len(members) == 1:
        return dict(members[0])
    if "lstm.weight_ih_l1" in members[0]:
        raise ValueError("networks of several LSTM layers cannot be merged")
    channels = _last_channels(members[0])
    return {
        name: _merged(name, [member[name] for member in members], channels) for name in members[0]
    }


def _merged(name: str, parts: list[Tensor], channels: int) -> Tensor:
    if name in ("linear.weight", "head.bias", "temperature"):
        return torch.stack(parts).mean(dim=0)
    if name == "head.weight":
        return torch.cat(parts, dim=1) / len(parts)
    if name == "symbols.weight":
        return torch.cat(parts, dim=1)
    if name.startswith("convolutions.0.") or name.endswith(".bias"):
        return torch.cat(parts)
    if name.startswith("convolutions."):
        taps = zip(*(part.unbind(dim=2) for part in parts), strict=True)
        return torch.stack([_diagonal(tap) for tap in taps], dim=2)
    gates = zip(*(part.chunk(GATES) for part in parts), strict=True)
    if name.startswith("lstm.bias"):
        return torch.cat([torch.cat(gate) for gate in gates])
    if name == "lstm.weight_hh_l0":
        return torch.cat([_diagonal(gate) for gate in gates])
    # What the convolutions give comes first, then the symbol's embedding: two block matrices.
    return torch.cat([_inputs(gate, channels) for gate in gates])


def _inputs(gate: tuple[Tensor, ...], channels: int) -> Tensor:
    seen = _diagonal(tuple(part[:, :channels] for part in gate))
    embedded = _diagonal(tuple(part[:, channels:] for part in gate))
    return torch.cat([seen, embedded], dim=1)


def _diagonal(blocks: tuple[Tensor, ...]) -> Tensor:
    matrix: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return matrix


def _last_channels(state: State) -> int:
    count = sum(name.startswith("convolutions.") and name.endswith(".weight") for name in state)
    return int(state[f"convolutions.{count - 1}.weight"].shape[0])
