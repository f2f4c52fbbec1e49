"""From a log entry to the ledger's rows: what one batch said about each symbol.

Read by the recorder. A packed entry that cannot become rows is refused as a whole here, so
that nothing the database would refuse, or silently ignore, reaches it.
"""

import math
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import Model

from inference.handover.chain import GENESIS, EntryFormatError
from inference.signals import signal as spoken
from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import SIGNALS
from market.candles.vector import INDICATOR_COUNT
from predictions.models import Signal, SignalGap
from predictions.moments import moment
from predictions.rows.claim import Claim
from predictions.transparency.appending import NewEntry

LEVELS = (1, 2, 3)
LONGEST_MESSAGE = 500
MAX_INTEGER = 2**63 - 1
UNCHECKED = {"leaf"}
"""Known once the entry is appended."""


@dataclass(frozen=True, slots=True)
class BatchRows:
    """One batch, ready for the ledger."""

    entry_id: str
    made_ms: int
    claim: Claim
    signals: list[Signal]
    gaps: list[SignalGap]
    logged: NewEntry


def batch_rows(entry_id: str, packed: bytes) -> BatchRows:
    """Unpack one log entry into rows.

    Raises EntryFormatError where it is no entry, or holds what no row can.
    """
    entry = BatchEntry.unpack(packed)
    try:
        logged = _logged(entry, entry_id, packed)
        rows = BatchRows(
            entry_id=entry_id,
            made_ms=entry.made_ms,
            claim=_claim(entry),
            signals=[_signal(entry, said, logged) for said in entry.signals],
            gaps=[_gap(entry, gap) for gap in entry.gaps],
            logged=logged,
        )
        for row in (*rows.signals, *rows.gaps):
            _check(row)
    except (ValidationError, ValueError, OverflowError) as error:
        raise EntryFormatError(f"not to be stored: {error}") from error
    return rows


def _claim(entry: BatchEntry) -> Claim:
    # A signal's own close is no later than when it was made; a gap tells its candle alone.
    made = [entry.made_ms, *(said.signal.made_ms for said in entry.signals)]
    said = [entry.made_ms, *(gap.candle_open_ms for gap in entry.gaps)]
    return Claim(entry.venue, entry.live, said_ms=max(said), made_ms=max(made))


def _logged(entry: BatchEntry, entry_id: str, packed: bytes) -> NewEntry:
    if len(entry.prev) != len(GENESIS):
        raise ValueError(f"prev must be {len(GENESIS)} bytes")
    return NewEntry(
        engine=SIGNALS,
        venue=entry.venue,
        shard=entry.shard,
        number=entry.batch,
        stream_id=entry_id,
        made_ts=entry.made_ms,
        prev=entry.prev,
        packed=packed,
    )


def _signal(entry: BatchEntry, said: Said, logged: NewEntry) -> Signal:
    signal = said.signal
    if (signal.venue, signal.live, signal.timeframe) != (entry.venue, entry.live, entry.timeframe):
        raise ValueError(f"{signal.symbol} is of another venue or timeframe than its batch")
    spoken.check(signal)
    short, no_trade, long = signal.probabilities
    profits = _take_profits(signal)
    if len(signal.features) != INDICATOR_COUNT:
        raise ValueError(f"features must be {INDICATOR_COUNT}, not {len(signal.features)}")
    return Signal(
        venue=entry.venue,
        live=entry.live,
        symbol=signal.symbol,
        timeframe=signal.timeframe.value,
        candle_open=signal.candle_open_ms,
        candle_close=signal.candle_close_ms,
        revision=said.revision,
        batch=entry.batch,
        direction=signal.direction.value,
        reason=signal.reason.value,
        confidence=_finite("confidence", signal.confidence),
        p_short=_finite("p_short", short),
        p_no_trade=_finite("p_no_trade", no_trade),
        p_long=_finite("p_long", long),
        entry=_finite("entry", signal.entry),
        risk=_finite("risk", signal.risk),
        stop_loss=_known(signal.stop_loss),
        take_profit_1=profits[0],
        take_profit_2=profits[1],
        take_profit_3=profits[2],
        tp_eta_minutes=signal.tp_eta_minutes,
        tp_eta_low_minutes=signal.tp_eta_low_minutes,
        tp_eta_high_minutes=signal.tp_eta_high_minutes,
        provisional=signal.provisional,
        model_version=signal.model_version,
        role=signal.role.value,
        model_digest=signal.model_digest,
        model_accuracy=_known(signal.model_accuracy),
        threshold=_known(signal.threshold),
        predicted_at=moment(signal.prediction_ms),
        prediction_ts=signal.prediction_ms,
        valid_until_ts=signal.valid_until_ms,
        made_ts=signal.made_ms,
        # Only a live market's time is Redis' own.
        late=signal.made_ms > signal.valid_until_ms
        or (entry.live and logged.stream_ms > signal.valid_until_ms),
    )


def _gap(entry: BatchEntry, gap: Gap) -> SignalGap:
    return SignalGap(
        venue=entry.venue,
        live=entry.live,
        symbol=gap.symbol,
        timeframe=entry.timeframe.value,
        candle_open=gap.candle_open_ms,
        candle_close=gap.candle_open_ms + entry.timeframe.ms,
        batch=entry.batch,
        reason=gap.code.value,
        message=gap.message[:LONGEST_MESSAGE].replace("\0", ""),
        predicted_at=moment(entry.made_ms),
        made_ts=entry.made_ms,
    )


def _take_profits(signal: spoken.Signal) -> tuple[float | None, float | None, float | None]:
    if not signal.take_profits:
        return None, None, None
    if tuple(target.level for target in signal.take_profits) != LEVELS:
        raise ValueError(f"take profits must be of levels 1, 2 and 3: {signal.symbol}")
    first, second, third = (_known(target.price) for target in signal.take_profits)
    return first, second, third


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value}")
    return value


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _check(row: Model) -> None:
    # Lengths, ranges and words; not whether it is there already, which the insert settles.
    fields = row._meta.concrete_fields
    unknown = {each.name for each in fields if each.null and getattr(row, each.name) is None}
    row.clean_fields(exclude=UNCHECKED | unknown)
