"""What a retraining is asked for: one record a slot, kept with its run so that it can go on.

Free of training's libraries: the schedule reads it, too.
"""

from pathlib import Path
from typing import Any, Self

import msgspec

_OF_THE_RESULT = ("seed", "epochs", "trials", "device")


class SlotOrder(msgspec.Struct, frozen=True, kw_only=True):
    """How one slot's challenger is to be made. Paths are absolute.

    symbols: empty for all that there are. recordings: empty for the running venue's; candles,
    daily: None for the candle store. epochs: None for the engine's own. trials: variants of the
    network that are tried. jobs, cluster: where fits run.
    """

    symbols: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    candles: str | None = None
    daily: str | None = None
    seed: int = 1
    device: str = "cpu"
    epochs: int | None = None
    trials: int = 1
    jobs: int = 1
    cluster: str | None = None

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Self:
        """Read what `to_record` gave."""
        return msgspec.convert(record, cls)

    def to_record(self) -> dict[str, Any]:
        """Return plain values, as a run's row keeps them."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return {**record, **{name: list(record[name]) for name in ("symbols", "recordings")}}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The recordings that were named."""
        return tuple(Path(one) for one in self.recordings)

    @property
    def names_files(self) -> bool:
        """Whether somebody named files to learn from, in place of what is recorded and stored."""
        return bool(self.recordings) or self.candles is not None

    def gives_the_same(self, other: "SlotOrder") -> bool:
        """Say whether from the same data the same challenger would come."""
        return all(getattr(self, name) == getattr(other, name) for name in _OF_THE_RESULT)

    def asks_the_same(self, other: "SlotOrder") -> bool:
        """Say whether it is the same order, wherever its fits run."""
        return msgspec.structs.replace(self, jobs=1, cluster=None) == msgspec.structs.replace(
            other, jobs=1, cluster=None
        )
