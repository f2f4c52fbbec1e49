"""What Redis holds of drift: the field `drift` of `retraining`, as last measured.

Written by `manage.py measure_drift`; read by the web process for `/metrics` and the alerts, which
has nothing of training.
"""

from enum import StrEnum

import msgspec

from predictions.promotion.retraining_fields import Field, decoded, fresh

DRIFT_FIELD = "drift"


class DriftKind(StrEnum):
    """What may drift: an input, what probabilities and intervals are worth, or the loss."""

    FEATURE = "feature"
    CALIBRATION = "calibration"
    LOSS = "loss"


class Against(StrEnum):
    """What a reading is held against; the field `against`."""

    NOTHING = ""
    TRAINING = "training"
    """What the version learned from."""
    LEDGER = "ledger"
    """The first days of the version in the ledger, where the training data is not known."""


class DriftFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a slot. The fields: `predictions.models.DriftReading`.

    symbols, drifted_symbols: of a feature, how many could be judged and how many drifted; worst:
    the symbol that moved furthest, "" where there is one alone. Null is unknown.
    """

    kind: DriftKind
    name: str
    value: float | None
    effect: float | None = None
    reference: float | None = None
    bound: float | None = None
    effect_bound: float | None = None
    against: str = ""
    drifted: bool | None = None
    n: int = 0
    n_eff: float | None = None
    symbols: int = 0
    drifted_symbols: int = 0
    worst: str = ""


class SlotDrift(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of a slot's champion. problem: why there is none, "" where there are."""

    slot: str
    version: str
    figures: tuple[DriftFigure, ...] = ()
    problem: str = ""

    @property
    def drifted(self) -> tuple[DriftFigure, ...]:
        """Return the figures past their bounds."""
        return tuple(each for each in self.figures if each.drifted)


class DriftTold(Field, frozen=True, kw_only=True):
    """What was measured last, of one market alone."""

    slots: tuple[SlotDrift, ...]


def encode_drift(told: DriftTold) -> bytes:
    """Return the field's value."""
    return msgspec.json.encode(told)


def decode_drift(text: object) -> DriftTold | None:
    """Read the field; None where it is absent or unreadable."""
    return decoded(text, DriftTold)


def fresh_drift(text: object, now_ms: int) -> DriftTold | None:
    """Read the field; None where it is so old that nothing is known. now_ms: wall time.

    The hash is kept alive by the recorder's watches, whether drift is measured or not.
    """
    return fresh(text, DriftTold, now_ms)
