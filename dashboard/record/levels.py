"""A signal's levels as the page lists them, from the highest down. Read by the signal's page."""

from dataclasses import dataclass

from predictions.models import Signal, SignalOutcome


@dataclass(frozen=True, slots=True)
class Level:
    """One price. kind: target, entry or stop. share: of the entry, signed. r: in units of risk.

    touched_ms: when the market touched it; None where it did not, or not before the end.
    """

    kind: str
    name: str
    price: float
    share: float | None = None
    r: float | None = None
    touched_ms: int | None = None


def levels(signal: Signal, outcome: SignalOutcome | None) -> list[Level]:
    """Return the levels, highest price first; the entry alone for NO_TRADE."""
    side = -1 if signal.direction == "SHORT" else 1
    found = [Level("entry", "Entry", signal.entry)]
    places = (
        ("target", "Target 1", signal.take_profit_1, "take_profit_1_ts"),
        ("target", "Target 2", signal.take_profit_2, "take_profit_2_ts"),
        ("target", "Target 3", signal.take_profit_3, "take_profit_3_ts"),
        ("stop", "Stop-loss", signal.stop_loss, "stop_loss_ts"),
    )
    for kind, name, price, touch in places:
        if price is None:
            continue
        away = price - signal.entry
        touched: int | None = getattr(outcome, touch, None)
        share, r = away / signal.entry, side * away / signal.risk
        found.append(Level(kind, name, price, share, r, touched))
    return sorted(found, key=lambda each: -each.price)
