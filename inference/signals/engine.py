"""From windows to signals, on arrays and in memory alone: no store, no clock, no I/O.

The service calls it for all coins of all timeframes at once; tests call it with windows of
their own making.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_manifest import Hazard, TouchTimes
from inference.artefacts.signal_network import NetworkError, SignalNetwork
from inference.signals.levels import levels
from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError, signal_error
from inference.signals.windows import CoinWindow
from inference.vocabulary import DIRECTIONS, Direction, SignalReason

Floats = npt.NDArray[np.float64]

_NO_TRADE = DIRECTIONS.index(Direction.NO_TRADE)


@dataclass(frozen=True, slots=True)
class Ask:
    """One coin's window, and the network that answers for it."""

    model: SignalModel
    window: CoinWindow


def make_signals(asks: Sequence[Ask], moment: Moment) -> list[Signal | SignalError]:
    """Answer each ask, in order; coins that share a network run as one batch.

    A network that fails gives its coins `model_error`; the others' answers stand.
    """
    batches: dict[int, list[int]] = {}
    for number, ask in enumerate(asks):
        batches.setdefault(id(ask.model.network), []).append(number)
    answers: list[Signal | SignalError | None] = [None] * len(asks)
    for numbers in batches.values():
        batch = [asks[number] for number in numbers]
        for number, answer in zip(numbers, _run(batch, moment), strict=True):
            answers[number] = answer
    return [answer for answer in answers if answer is not None]


def judge(probabilities: Floats, threshold: float | None) -> tuple[Direction, SignalReason]:
    """Return what SHORT, NO_TRADE, LONG ([3]) amount to.

    The likeliest class speaks; LONG and SHORT below the threshold become NO_TRADE. A threshold
    that no probability reaches is that of a model of which no skill was shown.
    """
    if threshold is not None and threshold >= 1:
        return Direction.NO_TRADE, SignalReason.NO_SKILL_SHOWN
    likeliest = int(probabilities.argmax())
    if likeliest == _NO_TRADE:
        return Direction.NO_TRADE, SignalReason.MODEL_SAYS_NO_TRADE
    if threshold is not None and probabilities[likeliest] < threshold:
        return Direction.NO_TRADE, SignalReason.BELOW_THRESHOLD
    return DIRECTIONS[likeliest], SignalReason.NONE


def touch_time(table: TouchTimes | None, direction: Direction, atr_ratio: float) -> Hazard | None:
    """Return when TP1 is touched, from the row of the direction and the coin's volatility."""
    if table is None or direction is Direction.NO_TRADE:
        return None
    calm, wild = table.tercile_edges
    tercile = int(atr_ratio > calm) + int(atr_ratio > wild)
    return (table.long if direction is Direction.LONG else table.short)[tercile]


def _run(batch: Sequence[Ask], moment: Moment) -> list[Signal | SignalError]:
    network: SignalNetwork = batch[0].model.network
    windows = np.stack([ask.window.window for ask in batch])
    indices = np.array([ask.model.index for ask in batch], np.int64)
    try:
        probabilities = network.run(windows, indices)
    except NetworkError as error:
        return [_failed(ask.model, error) for ask in batch]
    return [_signal(ask, row, moment) for ask, row in zip(batch, probabilities, strict=True)]


def _failed(model: SignalModel, error: NetworkError) -> SignalError:
    detail = f"{model.version}: {error}"
    return signal_error(model.symbol, model.timeframe, SignalReason.MODEL_ERROR, detail)


def _signal(ask: Ask, probabilities: Floats, moment: Moment) -> Signal:
    model, window = ask.model, ask.window
    direction, reason = judge(probabilities, model.threshold)
    risk = model.barrier_atr * window.atr
    prices = levels(direction, window.entry, risk)
    touch = touch_time(model.touch_times, direction, window.atr_ratio)
    short, no_trade, long = probabilities.tolist()
    return Signal(
        symbol=model.symbol,
        timeframe=model.timeframe,
        venue=moment.venue,
        live=moment.live,
        direction=direction,
        reason=reason,
        confidence=max(short, no_trade, long),
        probabilities=(short, no_trade, long),
        entry=window.entry,
        risk=risk,
        stop_loss=prices.stop_loss,
        take_profits=prices.take_profits,
        tp_eta_minutes=None if touch is None else _minutes(touch.median),
        tp_eta_low_minutes=None if touch is None else _minutes(touch.low),
        tp_eta_high_minutes=None if touch is None else _minutes(touch.high),
        candle_open_ms=window.open_ms,
        candle_close_ms=window.open_ms + model.timeframe.ms,
        provisional=window.provisional,
        made_ms=round(moment.now_ms),
        model_version=model.version,
        model_digest=model.digest,
        role=model.role,
        model_accuracy=model.accuracy,
        threshold=model.threshold,
        features=window.features,
    )


def _minutes(value: float) -> int:
    return max(1, round(value))
