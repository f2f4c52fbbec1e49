"""A storage report as text for a terminal. Read by `manage.py storage_report`."""

from predictions.retention.storage import LEAST_HOURS, Kept, Report

_UNITS = ("B", "kB", "MB", "GB", "TB")
_REST = (
    f"A stream's day is known once it holds {LEAST_HOURS:g} h. Redis' files repeat what it holds\n"
    "in memory, streams among it, and are rewritten when they have doubled: they have no day."
)


def printed(report: Report) -> str:
    """Return the report as tables; unknown figures as a dash."""
    lines = [
        f"database {_bytes(report.database)}, {report.symbols} symbols forecast in the last day, "
        f"{_day_of(report)}",
        "",
        _row("", "rows", "size", "rows/day", "size/day", "a symbol", "in the end"),
    ]
    for title, kept in (
        ("tables", report.tables),
        ("files", report.files),
        ("streams", report.streams),
    ):
        lines += [title, *map(_kept, kept)]
    if report.retention_days:
        lines += ["", f"in the end: of forecasts after {report.retention_days} days, hashes apart"]
    lines += ["", f"-: unknown, or none. {_REST}"]
    return "\n".join(lines)


def _day_of(report: Report) -> str:
    known_at = report.day_known_at
    if known_at is None:
        return f"nothing recorded in it: a day is known after {LEAST_HOURS:g} h of recording"
    if report.recorded_hours < LEAST_HOURS:
        return (
            f"a day is known after {LEAST_HOURS:g} h of recording, at {known_at:%Y-%m-%d %H:%M} UTC"
        )
    return f"figures a day from {min(report.recorded_hours, 24.0):g} h"


def _kept(kept: Kept) -> str:
    return _row(
        f"  {kept.name.removeprefix('predictions_')}",
        _number(kept.rows),
        _bytes(kept.bytes),
        _number(kept.rows_a_day),
        _bytes(kept.bytes_a_day),
        _bytes(kept.bytes_a_day_and_symbol),
        _bytes(kept.at_retention),
    )


def _row(name: str, *figures: str) -> str:
    return f"{name:<20}" + "".join(f"{figure:>12}" for figure in figures)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _bytes(value: float | None) -> str:
    if value is None:
        return "-"
    power = 0
    while value >= 1000 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g} {_UNITS[power]}"
