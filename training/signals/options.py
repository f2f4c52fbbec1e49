"""How a signal network is fitted: one frozen record, read by the fit, its checkpoints, the CLI."""

from dataclasses import asdict, dataclass

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Everything that, with the rows, decides a network's weights.

    epochs: greatest number of passes; patience: passes without a better inner loss before the
    fit ends; stride: a pass sees every stride-th decision time of each coin, the next pass the
    next ones (twelve-candle labels overlap); threads: of one process, part of the record
    because sums depend on it.
    """

    seed: int = 1
    epochs: int = 24
    patience: int = 6
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.2
    label_smoothing: float = 0.0
    stride: int = 3
    averaging: float = 0.995
    mirror: bool = True
    inner_share: float = 0.85
    channels: tuple[int, ...] = (24, 24)
    hidden: int = 24
    embedding: int = 4
    symbol_dropout: float = 0.3
    device: str = "cpu"
    threads: int = 1

    def as_record(self) -> dict[str, object]:
        """Return the options as JSON types, for manifests and checkpoints' names."""
        record = asdict(self)
        record["channels"] = list(self.channels)
        return record
