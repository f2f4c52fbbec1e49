"""What a backfill says at its end: a table for people, an object for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from market.candles.backfilling.backfill import BackfilledDataset

_COLUMNS = ("symbol", "timeframe", "lacked", "added", "changed", "absent", "gaps", "missing")


def as_object(
    datasets: Sequence[BackfilledDataset], errors: Sequence[str], announced: int | None
) -> dict[str, object]:
    """Return the report for `--json`. announced: None where Redis could not be reached."""
    return {
        "datasets": [asdict(each) for each in datasets],
        "added": sum(each.added for each in datasets),
        "errors": list(errors),
        "announced": announced,
    }


def as_lines(datasets: Sequence[BackfilledDataset]) -> Iterator[str]:
    """Yield a table's lines; beneath it, what its columns cannot say."""
    if not datasets:
        return
    head = "{:<14}{:<10}{:>9}{:>9}{:>9}{:>9}{:>6}{:>9}  {:<17} {}"
    yield head.format(*_COLUMNS, "first", "last")
    for each in datasets:
        changed = each.confirmed + each.restated
        absent = each.absent + each.known_absent
        span = f"{_day(each.first_ms):<17} {_day(each.last_ms)}"
        yield (
            f"{each.symbol:<14}{each.timeframe:<10}{each.lacking:>9}{each.added:>9}{changed:>9}"
            f"{absent:>9}{each.gaps:>6}{each.missing:>9}  {span}"
        )
    if any(each.absent + each.known_absent for each in datasets):
        yield "absent: the exchange has no such candles, and is asked again only with --again"
    for each in datasets:
        if each.refused:
            refused = ", ".join(f"{count} {fault}" for fault, count in each.refused.items())
            yield f"{each.symbol} {each.timeframe}: refused {refused}"


def _day(time_ms: int | None) -> str:
    if time_ms is None:
        return "-"
    return f"{datetime.fromtimestamp(time_ms / 1e3, UTC):%Y-%m-%d %H:%M}"
