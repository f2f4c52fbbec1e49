"""What one download is of: rows, columns, format. Handed from the web to the process that reads."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from django.apps import apps
from django.db.models import QuerySet

from predictions.downloads.columns import Table
from predictions.downloads.csv_encoding import CsvEncoder
from predictions.downloads.parquet_encoding import ParquetEncoder
from predictions.downloads.walking import chunks

ENCODERS: dict[str, type[CsvEncoder] | type[ParquetEncoder]] = {
    encoder.suffix: encoder for encoder in (CsvEncoder, ParquetEncoder)
}
"""By the value of `?format=`."""


@dataclass(frozen=True, slots=True)
class Order:
    """One download. query: a Django query over `model`; description: kept in the file."""

    model: str
    query: Any
    table: Table
    suffix: str
    as_of_ms: int | None = None
    description: str = ""

    @classmethod
    def of(cls, queryset: "QuerySet[Any]", table: Table, suffix: str, **rest: Any) -> Self:
        """Return the order for all rows of a queryset."""
        return cls(queryset.model._meta.label, queryset.query, table, suffix, **rest)

    def parts(self) -> Iterator[bytes]:
        """Read, encode and yield the file part by part."""
        encoding = ENCODERS[self.suffix](self.table.columns, self.description)
        rows: QuerySet[Any] = QuerySet(apps.get_model(self.model), self.query.chain())
        for values in chunks(rows, self.table, self.as_of_ms):
            yield encoding.encode(values)
        yield encoding.end()

    def pack(self) -> bytes:
        return pickle.dumps(self)

    @staticmethod
    def unpack(packed: bytes) -> "Order":
        """Read what another process of this instance packed; nothing else may come here."""
        order = pickle.loads(packed)  # noqa: S301  (written by our own web process, over a pipe)
        if not isinstance(order, Order):
            raise TypeError(f"an Order was expected, not {type(order).__name__}")
        return order
