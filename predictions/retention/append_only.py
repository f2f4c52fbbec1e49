"""Triggers by which the database itself refuses to change or remove what was said.

Read by the migration that makes them. They stop mistakes, and programs that do not mean it; who
owns the database can drop them, and what shows that is the tree (`verify_ledger`). On SQLite a
migration that remakes one of these tables loses its triggers and has to make them again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

FUNCTION = "predictions_append_only"

_PRUNED = (
    "EXISTS (SELECT 1 FROM predictions_pruning p WHERE p.open"
    " AND p.engine = {engine} AND p.venue = {venue} AND {moment} < p.before_ts)"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the ledger; `delete`, `update`: when this is allowed after all, in SQL."""

    name: str
    delete: str = ""
    update: str = ""


def _same(*columns: str) -> str:
    return " AND ".join(f'NEW."{column}" = OLD."{column}"' for column in columns)


TABLES = (
    Table(
        "predictions_forecast",
        delete=_PRUNED.format(
            engine="'forecasts'", venue="OLD.venue", moment="OLD.prediction_ts"
        ),
    ),
    Table(
        "predictions_forecastoutcome",
        delete="EXISTS (SELECT 1 FROM predictions_forecast f WHERE f.id = OLD.forecast_id AND "  # noqa: S608  (no value comes from outside)
        + _PRUNED.format(engine="'forecasts'", venue="f.venue", moment="f.prediction_ts")
        + ")",
    ),
    Table("predictions_signal"),
    Table("predictions_signalgap"),
    Table("predictions_signaloutcome"),
    Table(
        "predictions_ledgerentry",
        update="OLD.engine = 'forecasts' AND NEW.packed IS NULL AND "
        + _same(
            "index", "engine", "venue", "shard", "number", "stream_id", "stream_ms", "made_ts",
            "entry_hash", "prev_hash", "leaf_hash", "recorded_at",
        )
        + " AND "
        + _PRUNED.format(engine="OLD.engine", venue="OLD.venue", moment="OLD.made_ts"),
    ),
    Table("predictions_logtile"),
    Table("predictions_checkpoint"),
    # What was pruned is said for good; such a row may only count on, open and close.
    Table("predictions_pruning", update=_same("id", "engine", "venue", "before_ts", "pruned_at")),
)  # fmt: skip


def creation(vendor: str) -> list[str]:
    """Return the statements that make the triggers on `sqlite` or `postgresql`."""
    if vendor == "postgresql":
        return [_function(), *(line for table in TABLES for line in _postgresql(table))]
    return [line for table in TABLES for line in _sqlite(table)]


def removal(vendor: str) -> list[str]:
    """Return the statements that undo `creation`."""
    if vendor == "postgresql":
        return [f"DROP FUNCTION IF EXISTS {FUNCTION} CASCADE"] + [
            f"DROP FUNCTION IF EXISTS {_name(table, event)} CASCADE"
            for table in TABLES
            for event, allowed in _events(table)
            if allowed
        ]
    return [
        f"DROP TRIGGER IF EXISTS {_name(table, event)}"
        for table in TABLES
        for event, _ in _events(table)
    ]


def _events(table: Table) -> Iterator[tuple[str, str]]:
    yield "update", table.update
    yield "delete", table.delete


def _name(table: Table, event: str) -> str:
    return f"append_only_{table.name}_{event}"


def _sqlite(table: Table) -> Iterator[str]:
    for event, allowed in _events(table):
        yield (
            f"CREATE TRIGGER {_name(table, event)} BEFORE {event.upper()} ON {table.name}"
            f"{f' WHEN NOT ({allowed})' if allowed else ''} BEGIN SELECT RAISE(ABORT,"
            f" '{table.name} is append-only: {event.upper()} is refused'); END"
        )


def _function() -> str:
    return f"""
        CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'restrict_violation';
        END $$"""


def _postgresql(table: Table) -> Iterator[str]:
    for event, allowed in _events(table):
        name, row = _name(table, event), "OLD" if event == "delete" else "NEW"
        if allowed:
            yield f"""
                CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF {allowed} THEN RETURN {row}; END IF;
                    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
                        USING ERRCODE = 'restrict_violation';
                END $$"""
        yield (
            f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table.name}"
            f" FOR EACH ROW EXECUTE FUNCTION {name if allowed else FUNCTION}()"
        )
    yield (
        f"CREATE TRIGGER append_only_{table.name}_truncate BEFORE TRUNCATE ON {table.name}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    )
