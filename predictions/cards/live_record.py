"""What a served version's predictions were worth of late, as the recorder last told.

Read by the cards. Figures of one venue alone; null where there are too few, with their n.
"""

from typing import Any

import msgspec

from predictions.accuracy.quality import ForecastQuality, Quality, SignalQuality

NOT_TOLD = "the recorder has not measured of late"
NOT_SPOKEN = "this version has no graded prediction in the venue that runs"
WINDOWS = {"hour": "last hour", "day": "last day", "reference": "the week before"}


def forecast_record(known: ForecastQuality | None, version: str) -> dict[str, Any]:
    """Return the record of a forecaster: a row for each symbol and window."""
    if known is None:
        return _nothing(NOT_TOLD)
    rows = [
        {"symbol": symbol, "window": window} | _figures(getattr(measured, window))
        for symbol, quality in sorted(known.symbols.items())
        if quality is not None and (measured := quality.models.get(version)) is not None
        for window in WINDOWS
    ]
    return _told(known, rows)


def signal_record(known: SignalQuality | None, timeframe: str, version: str) -> dict[str, Any]:
    """Return the record of a signal network: all coins together, the newest 500 candles."""
    if known is None:
        return _nothing(NOT_TOLD)
    measured = known.timeframes.get(timeframe, {}).get(version)
    rows = [] if measured is None else [{"symbol": None, "window": "candles"}]
    return _told(known, [row | _figures(measured.quality) for row in rows if measured])


def _told(known: ForecastQuality | SignalQuality, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "venue": known.venue,
        "live": known.live,
        "measured_ms": known.made_ms,
        "rows": rows,
        "reason": "" if rows else NOT_SPOKEN,
    }


def _nothing(reason: str) -> dict[str, Any]:
    return {"venue": None, "live": None, "measured_ms": None, "rows": [], "reason": reason}


def _figures(quality: Quality) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(quality)
    return told
