"""The signal engine: at candle closes, LONG, SHORT or NO_TRADE with levels."""
