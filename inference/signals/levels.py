"""Entry, stop-loss and targets of a signal: multiples of R around the last close.

Read by the signal engine, by the labels of training, and by grading, which must walk along the
same levels.
"""

import math
from dataclasses import dataclass

from inference.signals.signal import TakeProfit
from inference.vocabulary import Direction

TARGETS = (1, 2, 3)
"""Take-profits in R."""

HORIZON_CANDLES = 12
"""How long a signal has, in candles of its timeframe: what labels and grading look ahead."""

_DIGITS_OF_R = 6


@dataclass(frozen=True, slots=True)
class Levels:
    """stop_loss, take_profits: None and empty for NO_TRADE, and where a price would not be
    above 0, which no market trades at."""

    stop_loss: float | None
    take_profits: tuple[TakeProfit, ...]


def levels(direction: Direction, entry: float, risk: float) -> Levels:
    """Return the levels of a signal; entry and risk (R) in quote currency, both above 0.

    Prices are rounded to a millionth of R, which takes off what binary fractions leave.
    """
    if direction is Direction.NO_TRADE:
        return Levels(None, ())
    side = 1 if direction is Direction.LONG else -1
    decimals = _DIGITS_OF_R - math.floor(math.log10(risk))
    stop_loss = round(entry - side * risk, decimals)
    targets = (TakeProfit(level, round(entry + side * level * risk, decimals)) for level in TARGETS)
    return Levels(
        stop_loss if stop_loss > 0 else None,
        tuple(target for target in targets if target.price > 0),
    )
