"""Rows as Parquet: typed columns, a row group of some thousand rows at a time, null where null.

pyarrow is imported at the first download and not before.
"""

from collections.abc import Sequence
from typing import Any

from predictions.downloads.columns import Column, Kind, text_of

GROUP_ROWS = 10_000


class ParquetEncoder:
    """Turns chunks of columns into bytes."""

    content_type = "application/vnd.apache.parquet"
    suffix = "parquet"

    def __init__(self, columns: Sequence[Column], description: str) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        self._columns = columns
        types = {
            Kind.TEXT: pyarrow.string(),
            Kind.INTEGER: pyarrow.int64(),
            Kind.NUMBER: pyarrow.float64(),
            Kind.TRUTH: pyarrow.bool_(),
            Kind.MOMENT: pyarrow.timestamp("ms", "UTC"),
            Kind.TIME: pyarrow.timestamp("us", "UTC"),
            Kind.HASH: pyarrow.string(),
        }
        self._schema = pyarrow.schema(
            [
                pyarrow.field(each.name, types[each.kind], metadata={"description": each.doc})
                for each in columns
            ],
            metadata={"description": description},
        )
        # The system's allocator gives memory back; arrow's own keeps it.
        self._pool = pyarrow.system_memory_pool()
        self._sink = _Sink()
        self._writer = pyarrow.parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", memory_pool=self._pool
        )
        self._waiting: list[Any] = []
        self._rows = 0

    def encode(self, values: Sequence[Sequence[Any]]) -> bytes:
        """Return what a chunk adds, often nothing yet; values: one sequence a column."""
        arrays = [
            self._arrow.array(_shown(column, each), field.type, memory_pool=self._pool)
            for column, each, field in zip(self._columns, values, self._schema, strict=True)
        ]
        self._waiting.append(self._arrow.record_batch(arrays, schema=self._schema))
        self._rows += self._waiting[-1].num_rows
        return self._group() if self._rows >= GROUP_ROWS else b""

    def end(self) -> bytes:
        """Return the last rows and the file's footer."""
        last = self._group() if self._waiting else b""
        self._writer.close()
        return last + self._sink.taken()

    def _group(self) -> bytes:
        table = self._arrow.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table, row_group_size=len(table))
        self._waiting, self._rows = [], 0
        return self._sink.taken()


class _Sink:
    """A file that is only written on, and gives away what was written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _shown(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    if column.kind is Kind.HASH:
        return [None if value is None else value.hex() for value in values]
    if column.kind is Kind.TEXT:
        return [None if value is None else text_of(value) for value in values]
    return values
