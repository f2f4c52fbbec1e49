"""How a forecaster is fitted: one frozen record, read by the fits, their keys and the search."""

from dataclasses import asdict, dataclass

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastOptions:
    """Everything that, with the rows, decides a fit. All but seed is the network's alone.

    It makes at most max_epochs passes and ends after `patience` passes without a better loss on
    the later rows. residual_penalty: how hard the residual is drawn to zero; hidden: its width;
    threads: of one fit, here because sums depend on it.
    """

    seed: int = 1
    max_epochs: int = 200
    patience: int = 15
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    residual_penalty: float = 1.0
    label_smoothing: float = 0.0
    hidden: int = 16
    device: str = "cpu"
    threads: int = 1

    def as_record(self) -> dict[str, object]:
        """Return the options as JSON types, for manifests and keys."""
        return asdict(self)
