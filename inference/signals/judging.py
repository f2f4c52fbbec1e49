"""What of a batch's answers is to be said: new signals, superseding ones, and reasons for gaps.

Pure; read by the loop. Never a signal of an older candle than the newest, which would be a
prediction after the fact, and nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inference.signals.asking import Answer
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.moment import Moment
from inference.signals.rounds import Due, Round
from inference.signals.signal import Signal, SignalError, SignalState, signal_error
from inference.vocabulary import SignalReason


@dataclass(slots=True)
class Verdict:
    """What to write: entries for the log, states for `sig:`, by symbol.

    repeated: symbols whose signal stands as it is.
    """

    signals: list[Said] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    states: dict[str, SignalState] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)

    def entry(self, round_: Round, moment: Moment, shard: int) -> BatchEntry:
        """Return the batch to write; number, token and place in the chain are the publisher's."""
        return BatchEntry(
            venue=moment.venue,
            live=moment.live,
            batch=0,
            timeframe=round_.timeframe,
            made_ms=int(moment.now_ms),
            missed=round_.missed,
            shard=shard,
            token=0,
            signals=self.signals,
            gaps=self.gaps,
        )


NOT_TRADED = frozenset({SignalReason.SYMBOL_HALTED, SignalReason.SYMBOL_DELISTED})
_SILENT = frozenset({SignalReason.CANDLE_LATE, SignalReason.FEATURES_OUTDATED})


def judge(
    round_: Round,
    due: Due,
    answers: Sequence[Answer],
    known: Mapping[str, SignalState],
    *,
    now_ms: float,
    market_named: bool,
    feed_down: bool = False,
) -> Verdict:
    """Return what is to be said of a batch's answers.

    known: the states that stand, by symbol. market_named: whether a feed has named its market;
    without one nobody is told that there are no candles at all. feed_down: no exchange answers,
    which is then why a candle is missing.
    """
    verdict = Verdict()
    for answer in answers:
        state = known.get(answer.symbol, SignalState())
        if isinstance(answer, Signal) and answer.candle_open_ms == due.open_ms:
            _take_signal(verdict, answer, state)
            continue
        error = answer if isinstance(answer, SignalError) else _late(answer, round_)
        if feed_down and error.code in _SILENT:
            error = signal_error(error.symbol, round_.timeframe, SignalReason.FEED_DOWN)
        arrived = answer.symbol in due.arrived and isinstance(answer, SignalError)
        expected = arrived or error.code in NOT_TRADED
        if _untold(round_, due, error, state) and (expected or due.final):
            if error.code is SignalReason.CANDLES_MISSING and not (market_named or expected):
                continue
            verdict.gaps.append(Gap(error.symbol, due.open_ms, error.code, error.message))
            verdict.states[error.symbol] = _after(state, error, now_ms)
    return verdict


def _take_signal(verdict: Verdict, signal: Signal, state: SignalState) -> None:
    before = state.signal
    open_ms = state.over_open_ms if before is None else before.candle_open_ms
    revision = 0
    if open_ms == signal.candle_open_ms:
        if before is not None and _made_of(before) == _made_of(signal):
            verdict.repeated.append(signal.symbol)
            return
        revision = state.revision + 1
    verdict.signals.append(Said(signal, revision))
    verdict.states[signal.symbol] = SignalState(signal=signal, revision=revision)


def _made_of(signal: Signal) -> tuple[object, ...]:
    # Not the model: a newly promoted one speaks from the next candle on.
    return signal.provisional, signal.entry, signal.features


def _late(older: Signal, round_: Round) -> SignalError:
    return signal_error(older.symbol, round_.timeframe, SignalReason.CANDLE_LATE)


def _untold(round_: Round, due: Due, error: SignalError, state: SignalState) -> bool:
    made = state.signal is not None and state.signal.candle_open_ms == due.open_ms
    if made and error.code not in NOT_TRADED:
        return False
    return round_.told.get(error.symbol) != error.code


def _after(state: SignalState, error: SignalError, now_ms: float) -> SignalState:
    signal, open_ms = state.signal, state.over_open_ms
    # Of a market that may never go on, nothing stands that nobody can follow any more.
    over = error.code in NOT_TRADED or error.code is SignalReason.FEED_DOWN
    if over and signal is not None and signal.expired(now_ms):
        open_ms, signal = signal.candle_open_ms, None
    return SignalState(signal=signal, error=error, revision=state.revision, over_open_ms=open_ms)
