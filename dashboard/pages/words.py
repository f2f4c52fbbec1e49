"""Codes in the words of the pages. Read by the views that show forecasts and outcomes."""

from inference.vocabulary import Source, Ungradable

SOURCE_TEXTS: dict[Source, str] = {
    Source.REDIS: "model, on fresh features",
    Source.STALE: "extrapolated from the last model forecast",
    Source.ERROR: "no forecast",
    Source.TREND: "linear trend in place of the model",
    Source.EMERGENCY: "emergency, no forecast",
}

UNGRADABLE_TEXTS: dict[Ungradable, str] = {
    Ungradable.NO_FORECAST: "there was no forecast",
    Ungradable.NO_PRICE_AT_TARGET: "no price was seen at the target time",
    Ungradable.MADE_TOO_LATE: "it was made after its target time",
    Ungradable.PATH_MISSING: "the candles that followed it are not all there",
    Ungradable.SYMBOL_HALTED: "the exchange halted the coin before its horizon was over",
    Ungradable.SYMBOL_DELISTED: "the exchange dropped the coin before its horizon was over",
}

SIGNAL_UNGRADABLE_TEXTS: dict[Ungradable, str] = UNGRADABLE_TEXTS | {
    Ungradable.MADE_TOO_LATE: "it was made after its validity was over, too late to enter on",
}
"""A signal is late after its `valid_until`, long before its target time."""
