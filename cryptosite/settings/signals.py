"""Candle signals: for which coins, from which candles."""

from cryptosite import env
from cryptosite.settings.market import EXCHANGE
from cryptosite.settings.paths import VAR_DIR
from market.exchanges import SUPPORTED
from market.symbols import DEFAULT_SIGNAL_SYMBOLS, parse_symbol

SIGNAL_SYMBOLS = env.items("SIGNAL_SYMBOLS", DEFAULT_SIGNAL_SYMBOLS, parse_symbol)

CANDLE_EXCHANGE = env.text("CANDLE_EXCHANGE", SUPPORTED[EXCHANGE].venue)
"""Whose candles are imported, trained on, and continued by a replay; a live market has its own."""

CANDLES_DIR = VAR_DIR / "candles"
FEE_BP = env.number("FEE_BP", 10.0, minimum=0.0, maximum=1000.0)
"""What entering a trade costs, and leaving it again, of its worth: what graded signals pay."""

MODEL_DEVICE = env.choice("MODEL_DEVICE", "cpu", ("cpu", "cuda"))
"""Where signal networks run."""

SIGNALS_METRICS_PORT = env.integer("SIGNALS_METRICS_PORT", 9093, minimum=1, maximum=65535)
"""Prometheus of the signal loop; a free one where another loop has it."""
