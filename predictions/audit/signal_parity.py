"""Signals computed anew: indicators from the candle store, the rest from the same network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_registry import ModelRegistry
from inference.signals.engine import Ask, make_signals
from inference.signals.entry import BatchEntry, Said
from inference.signals.moment import Moment
from inference.signals.signal import Signal, SignalError
from inference.signals.windows import CoinWindow, WindowError, window_of
from inference.vocabulary import SIGNALS
from market.candles.indicators import CANDLES_NEEDED, INDICATOR_NAMES
from market.candles.store import CandleStore, CandleStoreError, venues_of
from predictions.audit.report import AuditReport, Comparison

PROBABILITY_TOLERANCE = 1e-5
"""Networks compute in float32, and a batch of other size may add in another order."""

EXACT = ("entry", "risk", "stop_loss", "threshold")
SAME = (
    "direction",
    "reason",
    "take_profits",
    "tp_eta_minutes",
    "tp_eta_low_minutes",
    "tp_eta_high_minutes",
    "candle_open_ms",
    "candle_close_ms",
    "provisional",
    "model_version",
)
PROBABILITIES = ("p_short", "p_no_trade", "p_long")


@dataclass(frozen=True, slots=True)
class _Again:
    stored: Signal
    ask: Ask


class SignalParity:
    """Checks batches. superseded: tells whether a signal's candle was spoken of again later."""

    def __init__(
        self,
        store: CandleStore,
        exchange: str,
        registry: ModelRegistry,
        report: AuditReport,
        superseded: Callable[[BatchEntry, Said], bool],
        symbols: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._registry = registry
        self._report = report
        self._superseded = superseded
        self._symbols = symbols

    def check(self, entry: BatchEntry) -> None:
        """Compare one batch with what it should hold; tell the report."""
        again: list[_Again] = []
        for said in entry.signals:
            signal = said.signal
            if self._symbols and signal.symbol not in self._symbols:
                continue
            window = self._window(entry, said)
            if window is None:
                continue
            self._features(entry, signal, window)
            model = self._model(signal)
            if model is None:
                self._report.unchecked["outputs_model_missing"] += 1
                continue
            again.append(_Again(signal, Ask(model, window)))
        self._report.unchecked["gap"] += len(
            [gap for gap in entry.gaps if not self._symbols or gap.symbol in self._symbols]
        )
        moment = Moment(entry.venue, entry.live, entry.made_ms)
        for each, made in zip(
            again, make_signals([each.ask for each in again], moment), strict=True
        ):
            self._outputs(entry, each.stored, made)

    def _window(self, entry: BatchEntry, said: Said) -> CoinWindow | None:
        signal = said.signal
        try:
            candles = self._store.read(
                venues_of(entry.venue, self._exchange),
                signal.symbol,
                signal.timeframe,
                closed_by_ms=signal.candle_close_ms,
                count=CANDLES_NEEDED,
            )
            window = window_of(candles, signal.timeframe)
        except (CandleStoreError, WindowError, ValueError) as error:
            code = getattr(error, "code", "candles_missing")
            self._report.unchecked[f"features_{code}"] += 1
            return None
        if window.open_ms != signal.candle_open_ms:
            self._report.unchecked["features_candles_missing"] += 1
            return None
        restated = signal.provisional and not window.provisional
        if restated or self._superseded(entry, said):
            # It was made of what was known then, which the store no longer holds.
            self._report.unchecked["features_restated_candle"] += 1
            return None
        return window

    def _features(self, entry: BatchEntry, signal: Signal, window: CoinWindow) -> None:
        compare = self._comparison(entry, signal)
        if len(signal.features) != len(INDICATOR_NAMES):
            compare.values("features", "features", len(signal.features), len(INDICATOR_NAMES))
            return
        for name, was, now in zip(INDICATOR_NAMES, signal.features, window.features, strict=True):
            compare.numbers("features", name, was, now)

    def _model(self, signal: Signal) -> SignalModel | None:
        symbol, timeframe, version = signal.symbol, signal.timeframe, signal.model_version
        found = [
            model
            for model in (
                _or_none(partial(self._registry.model, symbol, timeframe)),
                _or_none(partial(self._registry.version, symbol, timeframe, version)),
            )
            if model is not None and model.digest == signal.model_digest
        ]
        # One network may have served under several versions.
        return next((one for one in found if one.version == version), next(iter(found), None))

    def _outputs(self, entry: BatchEntry, stored: Signal, made: Signal | SignalError) -> None:
        compare = self._comparison(entry, stored)
        if isinstance(made, SignalError):
            compare.values("outputs", "signal", stored.direction.value, made.code.value)
            return
        for name, was, now in zip(
            PROBABILITIES, stored.probabilities, made.probabilities, strict=True
        ):
            compare.numbers("outputs", name, was, now, PROBABILITY_TOLERANCE)
        compare.numbers(
            "outputs", "confidence", stored.confidence, made.confidence, PROBABILITY_TOLERANCE
        )
        for name in EXACT:
            was, now = getattr(stored, name), getattr(made, name)
            if was is None or now is None:
                compare.values("outputs", name, was, now)
            else:
                compare.numbers("outputs", name, was, now)
        for name in SAME:
            compare.values("outputs", name, getattr(stored, name), getattr(made, name))

    def _comparison(self, entry: BatchEntry, signal: Signal) -> Comparison:
        subject = f"{signal.symbol} {signal.timeframe}"
        return Comparison(self._report, SIGNALS, entry.venue, subject, signal.candle_close_ms)


def _or_none(find: Callable[[], SignalModel]) -> SignalModel | None:
    try:
        return find()
    except ArtefactError:
        return None
