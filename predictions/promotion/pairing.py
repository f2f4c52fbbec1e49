"""Two versions of a model on identical decisions, out of the ledger.

What both said of the same tick or candle as models, and what came of it, as arrays. Shadows and
whoever was published count alike; fallbacks, what was late and what is not graded do not. Read by
the gates, the ranking and the rollback watch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from django.db.models import F

from inference.artefacts.manifest import OUTPUT_COLUMNS
from inference.forecasts.entry import TickEntry
from inference.signals.entry import BatchEntry
from inference.vocabulary import DIRECTIONS, OutcomeStatus
from market.candles.timeframes import Timeframe
from market.candles.vector import INDICATOR_NAMES
from market.hot.vector import INDEX
from predictions.models import Signal
from predictions.moments import moment
from predictions.promotion.spoken import model_forecasts, packed_entries, spoken_pieces

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Symbols = npt.NDArray[np.str_]

MOST_PAIRS = 1_000_000
"""Forecasts held at once, of about 150 bytes each; beyond, ticks are thinned out."""
MOST_SIGNALS = 300_000
"""Pairs of signals that are read, the newest; a coin has 35,000 of 15 minutes a year."""

_ROWS_A_CHUNK = 10_000
_KEY = ("tick", "symbol", "prediction_ts", "leaf_id")
_NUMBERS = (
    "mid_price", "predicted_price", "lower", "upper", "p_up", "p_flat", "p_down",
    "outcome__return_bp",
)  # fmt: skip
_SIGNAL_FIELDS = (
    "id", "symbol", "candle_open", "candle_close", "leaf_id", "revision",
    "p_short", "p_no_trade", "p_long", "outcome__touched",
)  # fmt: skip
_CLASSES = {direction.value: index for index, direction in enumerate(DIRECTIONS)}
_ATR_RATIO = INDICATOR_NAMES.index("atr_14_ratio")


@dataclass(frozen=True, slots=True)
class PairedForecasts:
    """Decisions [n] that both versions answered, in order of time and symbol.

    decided_ms: market time; returns_bp: of the mid until the target; moves_bp: σ·√horizon of the
    entry's features, NaN where it was pruned or features were not asked for. mine, theirs:
    [n, 6] as OUTPUT_COLUMNS, bp against the mid, bounds as they were published, NaN where a
    version gives none. every: only one in so many ticks was read, because there were too many.
    """

    decided_ms: Integers
    symbol: Symbols
    returns_bp: Floats
    moves_bp: Floats
    mine: Floats
    theirs: Floats
    every: int = 1

    @property
    def n(self) -> int:
        return len(self.decided_ms)


@dataclass(frozen=True, slots=True)
class PairedSignals:
    """Candles [n] that both versions answered, in order of time and symbol.

    decided_ms: the candle's close, market time; label: class that was touched first, an index of
    DIRECTIONS; atr_ratio: ATR ÷ close as mine was made from, NaN where that was pruned. mine,
    theirs: [n, 3] probabilities of SHORT, NO_TRADE, LONG.
    limited: there are more, of which the newest MOST_SIGNALS were read.
    """

    decided_ms: Integers
    symbol: Symbols
    label: Integers
    atr_ratio: Floats
    mine: Floats
    theirs: Floats
    limited: bool = False

    @property
    def n(self) -> int:
        return len(self.decided_ms)


def paired_forecasts(
    venue: str,
    mine: str,
    theirs: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    moves: bool = True,
    most: int = MOST_PAIRS,
) -> PairedForecasts:
    """Return the decisions of a venue that two versions answered, decided in [from_ms, to_ms).

    moves: read the entries' features, which costs an entry a tick. most: beyond so many pairs
    only every 2nd, 4th, … tick is kept, of all symbols alike.
    """
    found: list[_Pairs] = []
    count, every = 0, 1
    for begin, end in spoken_pieces(venue, (mine, theirs), from_ms, to_ms):
        pairs = _pairs(venue, mine, theirs, begin, end, every)
        found.append(pairs.with_moves() if moves else pairs)
        count += len(pairs.tick)
        while count > most:
            every *= 2
            found = [each.thinned(every) for each in found]
            count = sum(len(each.tick) for each in found)
    joined = _Pairs.joined(found)
    return PairedForecasts(
        decided_ms=joined.decided_ms,
        symbol=joined.symbol,
        returns_bp=joined.returns_bp,
        moves_bp=joined.moves_bp,
        mine=joined.mine,
        theirs=joined.theirs,
        every=every,
    )


def paired_signals(
    venue: str,
    timeframe: Timeframe | str,
    mine: str,
    theirs: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    features: bool = True,
    most: int = MOST_SIGNALS,
) -> PairedSignals:
    """Return the candles of a venue that two versions answered, closed in [from_ms, to_ms).

    Of each version the first signal of a candle counts that was not late: what could be acted on.
    features: read the entries, for atr_ratio.
    """
    asked = (venue, str(timeframe), from_ms, to_ms, most)
    own, limited = _first_signals(*asked, version=mine)
    other, others_limited = _first_signals(*asked, version=theirs)
    both = sorted(own.keys() & other.keys())
    rows = [own[key] for key in both]
    answers = [[float(row[name]) for name in _SIGNAL_FIELDS[6:9]] for row in rows]
    against = [[float(other[key][name]) for name in _SIGNAL_FIELDS[6:9]] for key in both]
    return PairedSignals(
        decided_ms=np.array([row["candle_close"] for row in rows], dtype=np.int64),
        symbol=np.array([row["symbol"] for row in rows], dtype=np.str_),
        label=np.array([_CLASSES[row["outcome__touched"]] for row in rows], dtype=np.int64),
        atr_ratio=_atr_ratios(mine, rows) if features else np.full(len(rows), np.nan),
        mine=np.array(answers, dtype=np.float64).reshape(-1, 3),
        theirs=np.array(against, dtype=np.float64).reshape(-1, 3),
        limited=limited or others_limited,
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    tick: Integers
    decided_ms: Integers
    symbol: Symbols
    leaf: Integers
    returns_bp: Floats
    moves_bp: Floats
    mine: Floats
    theirs: Floats

    def thinned(self, every: int) -> Self:
        kept = self.tick % every == 0
        return type(self)(*(getattr(self, each.name)[kept] for each in fields(self)))

    def with_moves(self) -> "_Pairs":
        moves = _moves(zip(self.leaf.tolist(), self.symbol.tolist(), strict=True))
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        return _Pairs(**columns | {"moves_bp": moves})

    @classmethod
    def joined(cls, parts: Sequence["_Pairs"]) -> "_Pairs":
        if not parts:
            parts = [_of_rows({}, {})]
        return cls(
            *(np.concatenate([getattr(p, each.name) for p in parts]) for each in fields(cls))
        )


_Key = tuple[int, str]
_Row = tuple[Any, ...]


def _pairs(venue: str, mine: str, theirs: str, begin: int, end: int, every: int) -> _Pairs:
    own = _rows(venue, mine, begin, end, every)
    return _of_rows(own, _rows(venue, theirs, begin, end, every) if own else {})


def _rows(venue: str, version: str, begin: int, end: int, every: int) -> dict[_Key, _Row]:
    rows = model_forecasts(venue, version, begin, end)
    if every > 1:
        rows = rows.annotate(place=F("tick") % every).filter(place=0)
    found = rows.values_list(*_KEY, *_NUMBERS)
    return {(row[0], row[1]): row for row in found.iterator(_ROWS_A_CHUNK)}


def _of_rows(own: Mapping[_Key, _Row], other: Mapping[_Key, _Row]) -> _Pairs:
    both = sorted(own.keys() & other.keys())
    mine, theirs = (_numbers(rows, both) for rows in (own, other))
    # Without a price it is no answer: an outcome of it tells the market's return alone.
    kept = ~np.isnan(mine[:, 0] + mine[:, 1] + theirs[:, 0] + theirs[:, 1])
    rows = [own[key] for key, keep in zip(both, kept.tolist(), strict=True) if keep]
    return _Pairs(
        tick=np.array([row[0] for row in rows], dtype=np.int64),
        decided_ms=np.array([row[2] for row in rows], dtype=np.int64),
        symbol=np.array([row[1] for row in rows], dtype=np.str_),
        leaf=np.array([row[3] for row in rows], dtype=np.int64),
        returns_bp=mine[kept, -1],
        moves_bp=np.full(len(rows), np.nan),
        mine=_answers(mine[kept]),
        theirs=_answers(theirs[kept]),
    )


def _numbers(rows: Mapping[_Key, _Row], keys: Sequence[_Key]) -> Floats:
    # None becomes NaN.
    numbers = [rows[key][len(_KEY) :] for key in keys]
    return np.array(numbers, dtype=np.float64).reshape(len(keys), len(_NUMBERS))


def _answers(numbers: Floats) -> Floats:
    answers = np.empty((len(numbers), len(OUTPUT_COLUMNS)))
    answers[:, :3] = 1e4 * np.log(numbers[:, 1:4] / numbers[:, :1])
    answers[:, 3:] = numbers[:, 4:7]
    return answers


def _moves(wanted: Iterable[tuple[int, str]]) -> Floats:
    pairs = list(wanted)
    known: dict[tuple[int, str], float] = {}
    for entry_index, packed in packed_entries({leaf for leaf, _ in pairs}):
        entry = TickEntry.unpack(packed)
        root = (entry.horizon_ms / 1e3) ** 0.5
        moves = (entry.features[:, INDEX["price_volatility"]] * root).tolist()
        known.update(
            ((entry_index, symbol), move) for symbol, move in zip(entry.symbols, moves, strict=True)
        )
    return np.array([known.get(pair, np.nan) for pair in pairs], dtype=np.float64)


_SignalKey = tuple[int, str]


def _first_signals(
    venue: str, timeframe: str, from_ms: int | None, to_ms: int | None, most: int, *, version: str
) -> tuple[dict[_SignalKey, dict[str, Any]], bool]:
    rows = Signal.objects.filter(
        venue=venue, timeframe=timeframe, model_version=version, late=False
    )
    if from_ms is not None:
        rows = rows.filter(predicted_at__gte=moment(from_ms))
    if to_ms is not None:
        rows = rows.filter(predicted_at__lt=moment(to_ms))
    newest = rows.order_by("-predicted_at", "-id").values(*_SIGNAL_FIELDS, "outcome__status")
    first: dict[_SignalKey, dict[str, Any]] = {}
    count = 0
    for row in newest[: most + 1].iterator(_ROWS_A_CHUNK):
        count += 1
        if count <= most:
            first[row["candle_close"], row["symbol"]] = row  # a candle's oldest is read last
    graded = OutcomeStatus.GRADED.value
    found = {key: row for key, row in first.items() if row["outcome__status"] == graded}
    return found, count > most


def _atr_ratios(version: str, rows: Sequence[Mapping[str, Any]]) -> Floats:
    known: dict[tuple[str, int, int], float] = {}
    for _, packed in packed_entries({row["leaf_id"] for row in rows}):
        for said in BatchEntry.unpack(packed).signals:
            if said.signal.model_version == version:
                named = (said.signal.symbol, said.signal.candle_open_ms, said.revision)
                known[named] = said.signal.features[_ATR_RATIO]
    found = [
        known.get((row["symbol"], row["candle_open"], row["revision"]), np.nan) for row in rows
    ]
    return np.array(found, dtype=np.float64)
