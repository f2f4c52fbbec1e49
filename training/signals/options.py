"""How a signal network is fitted: one frozen record, read by the fit, its checkpoints, the CLI."""

from dataclasses import asdict, dataclass

from market.candles.timeframes import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Everything that, with the rows, decides a network's weights.

    members: networks of other random numbers, merged into one. A trial on the first inner_share
    of the rows' time, of at most `epochs` passes, ends after `patience` passes without a better
    loss on the rest; its best pass, at least the least_epochs-th and within `epochs`, says how
    many passes the members make over all rows. stride: a pass sees every stride-th decision
    time, the next pass the next ones (labels of twelve candles overlap); averaging: how much of
    the running average of weights a step keeps; mirror: half of what is seen is turned upside
    down; threads: of one fit, here because sums depend on it.
    """

    seed: int = 1
    members: int = 2
    epochs: int = 12
    least_epochs: int = 8
    patience: int = 4
    batch_size: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 0.1
    dropout: float = 0.5
    label_smoothing: float = 0.0
    stride: int = 4
    averaging: float = 0.99
    mirror: bool = True
    inner_share: float = 0.85
    channels: tuple[int, ...] = (16, 16)
    hidden: int = 16
    embedding: int = 4
    device: str = "cpu"
    threads: int = 1

    def as_record(self) -> dict[str, object]:
        """Return the options as JSON types, for manifests and checkpoints' names."""
        record = asdict(self)
        record["channels"] = list(self.channels)
        return record


def options_for(timeframe: Timeframe) -> FitOptions:
    """Return how the networks of a timeframe are fitted unless told otherwise.

    Chosen on inner validation of 1h alone; the others differ in how many decisions there are.
    """
    return _BY_TIMEFRAME[timeframe]


_BY_TIMEFRAME = {
    Timeframe.M15: FitOptions(stride=12),
    Timeframe.H1: FitOptions(stride=4),
    Timeframe.H4: FitOptions(stride=2),
    Timeframe.D1: FitOptions(stride=1, batch_size=64),
}
