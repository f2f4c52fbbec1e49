"""How the loop asks the inference service: a whole timeframe at once, in a thread."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError, signal_error
from inference.vocabulary import SignalReason
from market.candles.timeframes import Timeframe
from market.listings import Listing

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


async def ask(
    predictor: Predictor,
    symbols: Sequence[str],
    timeframe: Timeframe,
    moment: Moment,
    barred: Mapping[str, Listing],
) -> Sequence[Answer]:
    """Return the answers, of barred symbols why they are; what is traded is predicted.

    `model_error` for all of those where the service itself failed.
    """
    traded = [symbol for symbol in symbols if symbol not in barred]
    refused: list[Answer] = [
        not_traded(barred[symbol], timeframe) for symbol in symbols if symbol in barred
    ]
    if not traded:
        return refused
    return [*await asyncio.to_thread(_predict, predictor, traded, timeframe, moment), *refused]


def not_traded(listing: Listing, timeframe: Timeframe) -> SignalError:
    """Return why a symbol that its exchange does not trade has no signal."""
    detail = f"it lists the coin as {listing.renamed_to} now" if listing.renamed_to else ""
    return signal_error(listing.symbol, timeframe, SignalReason(listing.status), detail)


def _predict(
    predictor: Predictor, symbols: Sequence[str], timeframe: Timeframe, moment: Moment
) -> Sequence[Answer]:
    # The outermost handler of a batch: whatever is wrong, the other timeframes go on.
    try:
        return predictor.predict_batch(symbols, timeframe, moment=moment)
    except Exception as error:
        log.exception("batch_failed", timeframe=timeframe.value)
        detail = type(error).__name__
        return [
            signal_error(symbol, timeframe, SignalReason.MODEL_ERROR, detail) for symbol in symbols
        ]
