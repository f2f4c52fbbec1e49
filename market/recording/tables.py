"""Recorded cells as tables, and back. Lossless: prices and sizes are integers of 1e-8.

A row of `events` is an event or a mark (`part`):
- received: as it arrived, in order; of `kind` Trade, BookTicker, DepthDiff, …
- answer: a snapshot that was asked for, applied at the end of its cell.
- anchor: the state at the end of its cell, told in events, so that a reader can begin there.
- begin: the segment begins with this cell, all windows empty. through: it reached so far.
`segment` names an unbroken stretch by its first cell; cells within follow each other by 100 ms.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import polars as pl

from market.events import (
    AnyEvent,
    BookTicker,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Heartbeat,
    Level,
    Trade,
)
from market.hot.features import FeatureRow
from market.hot.vector import FEATURE_NAMES
from market.recording.spool import Cell, OddEvent, SpoolReader, from_text, to_text

_LEVELS = pl.List(pl.Int64)
EVENT_SCHEMA: dict[str, pl.DataType] = {
    "segment": pl.Int64(),
    "cell_ms": pl.Int64(),
    "part": pl.String(),
    "kind": pl.String(),
    "recv_ns": pl.Int64(),
    "exchange_ms": pl.Int64(),
    "id": pl.Int64(),
    "first_id": pl.Int64(),
    "prev_id": pl.Int64(),
    "price": pl.Int64(),
    "size": pl.Int64(),
    "buyer_initiated": pl.Boolean(),
    "bid": pl.Int64(),
    "bid_size": pl.Int64(),
    "ask": pl.Int64(),
    "ask_size": pl.Int64(),
    "bid_prices": _LEVELS,
    "bid_sizes": _LEVELS,
    "ask_prices": _LEVELS,
    "ask_sizes": _LEVELS,
    "text": pl.String(),
}
"""`id`: a trade's, a ticker's update, a diff's or snapshot's last. `text`: an event with an
integer beyond 64 bits, as JSON; the other columns are then empty."""

FEATURE_SCHEMA: dict[str, pl.DataType] = {
    "segment": pl.Int64(),
    "cell_ms": pl.Int64(),
    **dict.fromkeys(FEATURE_NAMES, pl.Float64()),
    "completeness": pl.Float64(),
    "feature_ts_ms": pl.Float64(),
    "event_ts_ms": pl.Float64(),
    "exchange_ts_ms": pl.Int64(),
}
"""A void feature is NaN."""

RECEIVED, ANSWER, ANCHOR, BEGIN, THROUGH = "received", "answer", "anchor", "begin", "through"
_COLUMNS = {name: index for index, name in enumerate(EVENT_SCHEMA)}
_WIDTH = len(_COLUMNS)
_LARGEST = 2**63 - 1
_CELLS_A_PIECE = 600
"""A minute: as rows of Python an hour of a busy market would take most of a GB."""


def events_table(cells: Iterable[Cell], symbol: str, segment: int, *, fresh: bool) -> pl.DataFrame:
    """Return the events of one segment's cells as a table."""
    rows: list[list[Any]] = []
    for cell in cells:
        before = len(rows)
        if fresh and cell.until_ms == segment:
            rows.append(_mark(segment, cell.until_ms, BEGIN))
        rows += [_row(segment, cell.until_ms, RECEIVED, event) for event in cell.events]
        if cell.answer is not None:
            rows.append(_row(segment, cell.until_ms, ANSWER, cell.answer))
        rows += [_row(segment, cell.until_ms, ANCHOR, event) for event in cell.anchor]
        if len(rows) == before:
            rows.append(_mark(segment, cell.until_ms, THROUGH))
    try:
        return _table(rows)
    except (OverflowError, TypeError):
        return _table([_as_text(row, symbol) if _beyond(row) else row for row in rows])


def spooled_tables(reader: SpoolReader, symbol: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a spool's events and feature rows, turned into columns a piece at a time."""
    segment, fresh = reader.header.segment, reader.header.fresh
    events, features = [pl.DataFrame(schema=EVENT_SCHEMA)], [pl.DataFrame(schema=FEATURE_SCHEMA)]
    piece: list[Cell] = []
    for cells in chain(reader.frames(), [[]]):
        piece += cells
        if len(piece) >= _CELLS_A_PIECE or not cells:
            events.append(events_table(piece, symbol, segment, fresh=fresh))
            features.append(features_table(piece, segment))
            piece = []
    return pl.concat(events), pl.concat(features)


def features_table(cells: Iterable[Cell], segment: int) -> pl.DataFrame:
    """Return the feature rows of one segment's cells as a table."""
    rows = [
        (segment, cell.until_ms, *cell.row.values, *cell.row[1:])
        for cell in cells
        if cell.row is not None
    ]
    return pl.DataFrame(rows, schema=FEATURE_SCHEMA, orient="row")


def cells_of(table: pl.DataFrame, symbol: str) -> Iterator[tuple[int, bool, Cell]]:
    """Yield (segment, whether it begins afresh here, cell) of an events table, in order."""
    rows = table.select(list(EVENT_SCHEMA)).iter_rows()
    for (segment, until_ms), group in groupby(rows, key=itemgetter(0, 1)):
        events: list[AnyEvent] = []
        anchor: list[AnyEvent] = []
        answer: DepthSnapshot | None = None
        begins = False
        for row in group:
            match row[2]:
                case "begin":
                    begins = True
                case "received":
                    events.append(_event(row, symbol))
                case "anchor":
                    anchor.append(_event(row, symbol))
                case "answer":
                    found = _event(row, symbol)
                    answer = found if isinstance(found, DepthSnapshot) else None
        yield segment, begins, Cell(until_ms, events, answer, anchor=anchor)


def feature_row(row: Sequence[Any]) -> FeatureRow:
    """Return a row of a features table (after segment and cell) as it was computed."""
    count = len(FEATURE_NAMES)
    return FeatureRow(list(row[:count]), *row[count:])


def _table(rows: list[list[Any]]) -> pl.DataFrame:
    columns = zip(*rows, strict=True) if rows else [()] * _WIDTH
    return pl.DataFrame(
        {
            name: pl.Series(name, column, dtype=kind, strict=True)
            for (name, kind), column in zip(EVENT_SCHEMA.items(), columns, strict=True)
        }
    )


def _mark(segment: int, cell_ms: int, part: str) -> list[Any]:
    row: list[Any] = [None] * _WIDTH
    row[0], row[1], row[2] = segment, cell_ms, part
    return row


def _row(segment: int, cell_ms: int, part: str, event: AnyEvent | OddEvent) -> list[Any]:
    row = _mark(segment, cell_ms, part)
    row[3] = type(event).__name__
    if isinstance(event, OddEvent):
        row[-1] = event.text
        return row
    row[4:6] = event.recv_ns, event.exchange_ms
    if isinstance(event, BookTicker):
        row[6] = event.update_id
        row[12:16] = event.bid, event.bid_size, event.ask, event.ask_size
    elif isinstance(event, Trade):
        row[6] = event.trade_id
        row[9:12] = event.price, event.size, event.buyer_initiated
    elif isinstance(event, DepthDiff):
        row[6:9] = event.last_id, event.first_id, event.prev_id
        row[16:20] = _split(event.bids) + _split(event.asks)
    elif isinstance(event, DepthSnapshot):
        row[6] = event.last_id
        row[16:20] = _split(event.bids) + _split(event.asks)
    return row


def _split(levels: list[Level]) -> list[list[int]]:
    return [[price for price, _ in levels], [size for _, size in levels]]


def _event(row: Sequence[Any], symbol: str) -> AnyEvent:
    kind, recv_ns, exchange_ms = row[3:6]
    match kind:
        case "BookTicker":
            return BookTicker(symbol, recv_ns, exchange_ms, row[6], *row[12:16])
        case "Trade":
            return Trade(symbol, recv_ns, exchange_ms, row[6], *row[9:12])
        case "DepthDiff":
            last_id, first_id, prev_id = row[6:9]
            return DepthDiff(
                symbol, recv_ns, exchange_ms, first_id, last_id, prev_id, *_levels(row)
            )
        case "DepthSnapshot":
            return DepthSnapshot(symbol, recv_ns, exchange_ms, row[6], *_levels(row))
        case "Heartbeat":
            return Heartbeat(symbol, recv_ns, exchange_ms)
        case "Disconnected":
            return Disconnected(symbol, recv_ns, exchange_ms)
        case "OddEvent":
            return from_text(row[20])
    raise ValueError(f"{kind!r} is no kind of event")


def _levels(row: Sequence[Any]) -> tuple[list[Level], list[Level]]:
    bid_prices, bid_sizes, ask_prices, ask_sizes = row[16:20]
    return (
        list(zip(bid_prices, bid_sizes, strict=True)),
        list(zip(ask_prices, ask_sizes, strict=True)),
    )


def _beyond(row: Sequence[Any]) -> bool:
    numbers = [each for each in row if type(each) is int]
    numbers += [each for column in row[16:20] if column for each in column]
    return any(abs(each) > _LARGEST for each in numbers)


def _as_text(row: list[Any], symbol: str) -> list[Any]:
    told = _mark(*row[:3])
    told[3], told[20] = OddEvent.__name__, to_text(_event(row, symbol))
    return told
