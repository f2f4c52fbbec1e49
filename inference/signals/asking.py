"""How the loop asks the inference service: a whole timeframe at once, in a thread."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError, signal_error
from inference.vocabulary import SignalReason
from market.candles.timeframes import Timeframe

log = structlog.get_logger(__name__)

Answer = Signal | SignalError


class Predictor(Protocol):
    """What the loop needs of the inference service; it is called in a thread."""

    def predict_batch(
        self, symbols: Sequence[str], timeframe: Timeframe, *, moment: Moment
    ) -> Sequence[Answer]:
        """Return each symbol's signal of the newest stored candle that closed by then, or why
        there is none."""
        ...


def ask(
    predictor: Predictor, symbols: Sequence[str], timeframe: Timeframe, moment: Moment
) -> Sequence[Answer]:
    """Return the answers; `model_error` for all where the service itself failed."""
    # The outermost handler of a batch: whatever is wrong, the other timeframes go on.
    try:
        return predictor.predict_batch(symbols, timeframe, moment=moment)
    except Exception as error:
        log.exception("batch_failed", timeframe=timeframe.value)
        detail = type(error).__name__
        return [
            signal_error(symbol, timeframe, SignalReason.MODEL_ERROR, detail) for symbol in symbols
        ]
