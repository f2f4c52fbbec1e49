"""What a downloaded column is: its name, kind, meaning, and where its values are read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import models
from django.db.models import Model

Values = Sequence[Any]


class Kind(StrEnum):
    """What a column's values are, and so how each format writes them."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "truth"
    MOMENT = "moment"
    """Milliseconds since the epoch."""
    TIME = "time"
    """A datetime."""
    HASH = "hash"
    """Bytes, shown in hex."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. source: the ORM's path to it.

    known_from: path of the moment (ms) before which it was not known; empty where it was known
    when the row was said.
    """

    name: str
    kind: Kind
    doc: str
    source: str = ""
    known_from: str = ""

    @property
    def path(self) -> str:
        return self.source or self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A downloadable table. order: ORM names, falling, that together are unique."""

    name: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]


def columns_of(kind: Kind, **docs: str) -> tuple[Column, ...]:
    """Return columns that are named as their fields."""
    return tuple(Column(name, kind, doc) for name, doc in docs.items())


def model_table(model: type[Model], order: Sequence[str]) -> Table:
    """Return a table of a model's own fields, as they are stored."""
    columns = (_field_column(field) for field in model._meta.concrete_fields)
    return Table(model._meta.model_name or "", tuple(columns), tuple(order))


def text_of(value: Any) -> str:
    """Return a text as it is, anything else (a JSON field's value) as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _field_column(field: Any) -> Column:
    kinds: tuple[tuple[type[Any], Kind], ...] = (
        (models.BinaryField, Kind.HASH),
        (models.BooleanField, Kind.TRUTH),
        (models.FloatField, Kind.NUMBER),
        (models.DateTimeField, Kind.TIME),
        (models.ForeignKey, Kind.INTEGER),
        (models.IntegerField, Kind.INTEGER),
    )
    kind = next((kind for type_, kind in kinds if isinstance(field, type_)), Kind.TEXT)
    return Column(field.attname, kind, str(field.help_text))
