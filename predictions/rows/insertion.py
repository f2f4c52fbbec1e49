"""Many rows into one table at once, past the ORM: what lies there already stays as it is.

Read by the recorder. A row of the ledger has thirty columns, and an object for each row would
cost several times what the database takes to store it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from types import NoneType
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Field, Model

Row = tuple[Any, ...]
PLAIN = (str, int, float, NoneType)
"""What both databases' drivers take as it is."""


class Batch(NamedTuple):
    """Rows by column: one value for all of them (`shared`), or one a row (`own`)."""

    shared: Mapping[str, Any]
    own: Mapping[str, Sequence[Any]]

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """Return the rows as tuples in the order of `names`, one of which is of `own`."""
        return zip(
            *(self.own[name] if name in self.own else repeat(self.shared[name]) for name in names),
            strict=False,  # those that repeat have no end
        )


def insert_new(model: type[Model], batches: Sequence[Batch]) -> int:
    """Insert the batches' rows, all of the same columns, but for those that would be doubles.

    In the caller's transaction. Returns how many were new.
    """
    if not batches:
        return 0
    fields = {field.attname: field for field in model._meta.concrete_fields}
    names = (*batches[0].shared, *batches[0].own)
    columns = ", ".join(connection.ops.quote_name(fields[name].attname) for name in names)
    rows = chain.from_iterable(_prepared(batch, fields).rows(names) for batch in batches)
    insert = _copy if connection.vendor == "postgresql" else _execute
    return insert(model._meta.db_table, columns, rows)


def _prepared(batch: Batch, fields: "Mapping[str, Field[Any, Any]]") -> Batch:
    # Such as a time, which SQLite keeps as text; what is one a row is numbers and text already.
    shared = {
        name: value
        if isinstance(value, PLAIN)
        else fields[name].get_db_prep_save(value, connection)
        for name, value in batch.shared.items()
    }
    return Batch(shared, batch.own)


def _execute(table: str, columns: str, rows: Iterable[Row]) -> int:
    marks = ", ".join(["%s"] * (columns.count(",") + 1))
    # Not OR IGNORE: that would also leave out, unsaid, what breaks another constraint.
    insert = (
        f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'  # noqa: S608  (names of our own)
        " ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.executemany(insert, list(rows))
        stored: int = cursor.rowcount
    return stored


def _copy(table: str, columns: str, rows: Iterable[Row]) -> int:
    # COPY knows no conflicts: into a table of this connection first.
    incoming = f'"incoming_{table}"'
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming}"  # noqa: S608  (names of our own)
            f' ON COMMIT DELETE ROWS AS SELECT {columns} FROM "{table}" WITH NO DATA'
        )
        with cursor.copy(f"COPY {incoming} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f'INSERT INTO "{table}" ({columns})'  # noqa: S608  (names of our own)
            f" SELECT {columns} FROM {incoming} ON CONFLICT DO NOTHING"
        )
        stored: int = cursor.rowcount
        # It is emptied at the commit alone, and more may come before that.
        cursor.execute(f"DELETE FROM {incoming}")  # noqa: S608  (names of our own)
    return stored
