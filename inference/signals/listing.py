"""Signals as a table for a terminal, and as JSON. Read by the `predict` command."""

import json
import math
from collections.abc import Sequence

from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError, iso

_HEAD = (
    "SYMBOL",
    "TF",
    "DIRECTION",
    "PROB",
    "ENTRY",
    "STOP",
    "TP1",
    "TP2",
    "TP3",
    "ETA",
    "VALID UNTIL",
    "MODEL",
    "REASON",
)
_NUMBERS = {"PROB", "ENTRY", "STOP", "TP1", "TP2", "TP3", "ETA"}
_NOTHING = "–"


def as_json(answers: Sequence[Signal | SignalError], moment: Moment) -> str:
    """Return signals under the specification's envelope, and the other coins under `errors`."""
    predictions = [a.item(moment.now_ms) for a in answers if isinstance(a, Signal)]
    envelope = {
        "status": "success" if predictions else "error",
        "timestamp": iso(moment.now_ms),
        "venue": moment.venue,
        "live": moment.live,
        "count": len(predictions),
        "predictions": predictions,
        "errors": [a.item() for a in answers if isinstance(a, SignalError)],
    }
    return json.dumps(envelope, indent=2)


def as_table(answers: Sequence[Signal | SignalError], moment: Moment) -> str:
    """Return the market, signals as aligned rows, and below them why other coins have none.

    PROB is the likeliest class's probability, ETA the median minutes to TP1 if it is touched.
    A signal whose time to enter is over says so.
    """
    signals = [answer for answer in answers if isinstance(answer, Signal)]
    errors = [answer for answer in answers if isinstance(answer, SignalError)]
    live = "live" if moment.live else "not live"
    lines = [f"{moment.venue} ({live}), {iso(moment.now_ms)}"]
    lines += (
        _aligned([_HEAD, *(_row(signal, moment.now_ms) for signal in signals)]) if signals else []
    )
    lines += [f"{e.symbol} {e.timeframe}: {e.code}: {e.message}" for e in errors]
    return "\n".join(lines)


def _row(signal: Signal, now_ms: float) -> tuple[str, ...]:
    decimals = max(2, 2 - math.floor(math.log10(signal.risk)))
    prices = {target.level: f"{target.price:.{decimals}f}" for target in signal.take_profits}
    stop, eta = signal.stop_loss, signal.tp_eta_minutes
    return (
        signal.symbol,
        signal.timeframe.value,
        signal.direction.value,
        f"{signal.confidence:.3f}",
        f"{signal.entry:.{decimals}f}",
        _NOTHING if stop is None else f"{stop:.{decimals}f}",
        *(prices.get(level, _NOTHING) for level in (1, 2, 3)),
        _NOTHING if eta is None else f"{eta} min",
        f"{iso(signal.valid_until_ms)}{' (expired)' if signal.expired(now_ms) else ''}",
        f"{signal.model_version} ({signal.role})",
        signal.reason.value or _NOTHING,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = []
    for row in rows:
        cells = (
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for name, cell, width in zip(_HEAD, row, widths, strict=True)
        )
        aligned.append("  ".join(cells).rstrip())
    return aligned
