"""From a reading to forecasts, on arrays and in memory alone: no Redis, no clock, no I/O.

The loop calls it once a tick; tests call it with readings of their own making.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.config import ServiceConfig
from inference.forecasts import confidence as rule
from inference.forecasts.engine import EngineError, ModelOutput
from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
from inference.forecasts.fallbacks import LastForecasts, MidCache
from inference.forecasts.intervals import IntervalTracker
from inference.forecasts.reading import HotReading
from inference.forecasts.tally import SPOKEN_COLUMNS, Spoken, Tally, spoken_by_model
from inference.vocabulary import Reason, Role, Source
from market.hot.vector import FEATURE_COUNT, INDEX

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_VOLATILITY, _SPREAD, _PRICE = INDEX["price_volatility"], INDEX["spread_bp"], INDEX["price"]
# Neighbours in COLUMNS, so that each group is one assignment.
_PRICES = slice(COLUMN["predicted_price"], COLUMN["upper"] + 1)
_EDGES = slice(COLUMN["p_up"], COLUMN["p_down"] + 1)
_SPOKEN_ROWS = [COLUMN[name] for name in SPOKEN_COLUMNS]


class Predictor(Protocol):
    """What the forecaster needs of an engine; `inference.forecasts.engine.Engine` is one."""

    def predict(self, features: Floats) -> ModelOutput: ...


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks: the served model's identity, and the engine; None is the linear trend."""

    predictor: Predictor | None
    version: str = "linear-trend"
    base_version: str = "linear-trend"
    role: str = Role.BASELINE
    digest: str = ""


@dataclass(slots=True)
class Forecasts:
    """One tick's forecasts. numbers: [len(COLUMNS), n], features: [n, 20], as in a TickEntry."""

    numbers: Floats
    features: Floats
    sources: list[Source]
    reasons: list[Reason]
    model_ns: int = 0


class Forecaster:
    """Holds what one tick hands to the next: caches, interval state, pending outcomes."""

    def __init__(self, symbols: Sequence[str], config: ServiceConfig, speaker: Speaker) -> None:
        self.symbols = list(symbols)
        self.speaker = speaker
        self._config = config
        self._threshold = config.prediction.confidence_threshold
        self._horizon_ms = config.prediction.horizon_ms
        self._sqrt_horizon = (self._horizon_ms / 1e3) ** 0.5
        count = len(self.symbols)
        self._last = LastForecasts(count, self._horizon_ms / 1e3)
        self.mids = MidCache(config.performance.feature_cache_size, count)
        self.intervals = IntervalTracker(count)
        self._ticks_ahead = self._horizon_ms // config.prediction.tick_ms
        self.tally = Tally(self._ticks_ahead)
        self._taught_from: int | None = 0
        """The first target tick of the speaker's own; None until it has spoken."""

    def switch(self, speaker: Speaker) -> None:
        """Let another speak from the next tick on.

        Prices stay. The interval's correction starts anew, and what the last speaker's forecasts
        turn out to be does not move it: it is measured in that speaker's own misses.
        """
        before, self.speaker = self.speaker, speaker
        if (before.version, before.digest) == (speaker.version, speaker.digest):
            return
        self.intervals.reset()
        self._last.forget()
        self._taught_from = None

    def forecast(self, reading: HotReading, tick_ms: int, clock_ns: "Stopwatch") -> Forecasts:
        """Answer for every symbol: the model where it may, else the fallbacks.

        tick_ms: market time of the decision.
        """
        count = len(self.symbols)
        self.mids.add(tick_ms, reading.mid)
        out = Forecasts(
            np.full((len(COLUMNS), count), np.nan),
            reading.features,
            [Source.ERROR] * count,
            list(reading.reasons),
        )
        self._copy_inputs(out.numbers, reading)
        rows = np.flatnonzero(reading.usable)
        if self.speaker.predictor is None:
            self._trend(out, reading, tick_ms)
        elif len(rows):
            self._model(out, reading, rows, tick_ms, clock_ns)
        if len(rows) < count or Source.ERROR in out.sources:
            self._stale(out, tick_ms)
        return out

    def learn(self, tick: int, tick_ms: int, said: Forecasts) -> None:
        """Take in a tick after its write: what matured with it, and what it said itself.

        The interval's state is thus that of the labels known one tick before.
        """
        self._mature(tick, said.numbers[COLUMN["mid_price"]])
        by_model = np.array([source is Source.REDIS for source in said.sources])
        self._last.remember(
            np.flatnonzero(by_model),
            said.numbers[COLUMN["predicted_price"], by_model],
            said.numbers[COLUMN["current_price"], by_model],
            tick_ms,
        )
        if self._taught_from is None:
            self._taught_from = tick + self._ticks_ahead
        spoken = said.numbers[_SPOKEN_ROWS]
        spoken[:, ~by_model] = np.nan
        self.tally.speak(tick, Spoken(*spoken))

    def emergency(self, reason: Reason) -> Forecasts:
        """Say that nothing can be said: the last resort where forecasting itself failed."""
        count = len(self.symbols)
        numbers = np.full((len(COLUMNS), count), np.nan)
        numbers[COLUMN["confidence"]] = rule.ERROR_CONFIDENCE
        features = np.full((count, FEATURE_COUNT), np.nan)
        return Forecasts(numbers, features, [Source.EMERGENCY] * count, [reason] * count)

    def restore(self, entries: Sequence[TickEntry]) -> None:
        """Take up where an earlier leader stopped. entries: the newest last, of one venue."""
        if not entries:
            return
        newest = entries[-1]
        own = [entry.tick for entry in entries if self._spoke(entry)]
        if self._spoke(newest):
            self.intervals.restore(
                self._aligned(newest, newest.column("interval_low")),
                self._aligned(newest, newest.column("interval_high")),
            )
        self._taught_from = own[0] + self._ticks_ahead if own else None
        for entry in entries:
            spoken = spoken_by_model(entry)
            if entry is newest:
                self._mature(entry.tick, self._aligned(entry, entry.column("mid_price")))
            self.tally.speak(
                entry.tick,
                Spoken(
                    *(
                        self._aligned(entry, values)
                        for values in (spoken.mid, spoken.predicted, spoken.lower, spoken.upper)
                    )
                ),
            )

    def forget(self) -> None:
        """Drop all memory: another market's prices have nothing to do with the last one's."""
        self.__init__(self.symbols, self._config, self.speaker)  # type: ignore[misc]

    def relieve_memory(self) -> None:
        """Drop the prediction cache and halve the feature cache."""
        self._last.forget()
        self.mids.shrink()

    def _mature(self, tick: int, mids: Floats) -> None:
        missed = self.tally.mature(tick, mids)
        if missed is not None and self._taught_from is not None and tick >= self._taught_from:
            self.intervals.update(*missed)

    def _copy_inputs(self, numbers: Floats, reading: HotReading) -> None:
        numbers[COLUMN["mid_price"]] = reading.mid
        numbers[COLUMN["completeness"]] = reading.completeness
        numbers[COLUMN["features_age_ms"]] = reading.age_ms
        numbers[COLUMN["feature_ts_ms"]] = reading.feature_ts_ms
        numbers[COLUMN["event_ts_ms"]] = reading.event_ts_ms
        numbers[COLUMN["exchange_ts_ms"]] = reading.exchange_ts_ms
        numbers[COLUMN["interval_low"]] = self.intervals.low
        numbers[COLUMN["interval_high"]] = self.intervals.high
        numbers[COLUMN["confidence"]] = rule.ERROR_CONFIDENCE

    def _model(
        self, out: Forecasts, reading: HotReading, rows: Rows, tick_ms: int, watch: "Stopwatch"
    ) -> None:
        predictor = self.speaker.predictor
        if predictor is None:
            return
        features = reading.features if len(rows) == len(self.symbols) else reading.features[rows]
        started = watch()
        try:
            output = predictor.predict(features)
        except EngineError:
            for row in rows:
                out.reasons[row] = Reason.MODEL_ERROR
            return
        finally:
            out.model_ns = watch() - started
        if not output.valid.all():
            for row in rows[~output.valid]:
                out.reasons[row] = Reason.NO_PRICE
            rows, output = rows[output.valid], output.rows(output.valid)
        self._speak(out, reading, rows, output)

    def _speak(self, out: Forecasts, reading: HotReading, rows: Rows, output: ModelOutput) -> None:
        every: Rows | slice = slice(None) if len(rows) == len(self.symbols) else rows
        features = reading.features[every]
        mid = reading.mid[every]
        volatility = features[:, _VOLATILITY]
        sigma_bp = volatility * self._sqrt_horizon
        ret = output.ret_bp
        low = output.q05_bp - self.intervals.low[every] * sigma_bp
        high = output.q95_bp + self.intervals.high[every] * sigma_bp
        quality = rule.confidence(
            reading.age_ms[every], reading.completeness[every], volatility, features[:, _SPREAD]
        )
        numbers = out.numbers
        numbers[COLUMN["current_price"], every] = features[:, _PRICE]
        # A correction may move a bound inwards, but never past the forecast itself.
        moves = np.array((ret, np.minimum(low, ret), np.maximum(high, ret)))
        numbers[_PRICES, every] = mid * np.exp(moves / 1e4)
        numbers[_EDGES, every] = (output.p_up, output.p_flat, output.p_down)
        numbers[COLUMN["confidence"], every] = quality
        below = (quality < self._threshold).tolist()
        for position, row in enumerate(rows.tolist()):
            out.sources[row] = Source.REDIS
            if below[position]:
                out.reasons[row] = Reason.BELOW_THRESHOLD

    def _trend(self, out: Forecasts, reading: HotReading, tick_ms: int) -> None:
        predicted = self.mids.trend(tick_ms + self._horizon_ms)
        speaks = ~np.isnan(predicted) & ~np.isnan(reading.mid)
        for row in range(len(self.symbols)):
            if reading.usable[row] or speaks[row]:
                out.reasons[row] = Reason.MODEL_MISSING
        for spoken in np.flatnonzero(speaks):
            out.sources[spoken] = Source.TREND
        numbers = out.numbers
        numbers[COLUMN["predicted_price"], speaks] = predicted[speaks]
        numbers[COLUMN["current_price"], speaks] = reading.features[speaks, _PRICE]
        numbers[COLUMN["confidence"], speaks] = rule.TREND_CONFIDENCE

    def _stale(self, out: Forecasts, tick_ms: int) -> None:
        predicted, current = self._last.extrapolate(tick_ms)
        numbers = out.numbers
        for row, reason in enumerate(out.reasons):
            if reason is Reason.STALE_FEATURES and not np.isnan(predicted[row]):
                out.sources[row] = Source.STALE
                numbers[COLUMN["predicted_price"], row] = predicted[row]
                numbers[COLUMN["current_price"], row] = current[row]
                numbers[COLUMN["confidence"], row] = rule.STALE_CONFIDENCE

    def _spoke(self, entry: TickEntry) -> bool:
        return (entry.model_version, entry.digest) == (self.speaker.version, self.speaker.digest)

    def _aligned(self, entry: TickEntry, values: Floats) -> Floats:
        position = {symbol: index for index, symbol in enumerate(entry.symbols)}
        return np.array([values[position[s]] if s in position else np.nan for s in self.symbols])


class Stopwatch(Protocol):
    """Returns ns of a monotonic clock: `time.perf_counter_ns`."""

    def __call__(self) -> int: ...
