"""What an import says at its end: a table for people, an object for programs.

`missing` are the candles that the gaps lack in what the store holds now.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from market.candles.importing.importer import ImportedDataset
from market.candles.sanity import ROW_FAULT_TEXTS, RowFault

_COLUMNS = ("symbol", "timeframe", "rows", "added", "changed", "same", "gaps", "missing", "refused")


def as_object(
    datasets: Sequence[ImportedDataset], errors: Sequence[str], announced: int | None
) -> dict[str, object]:
    """Return the report for `--json`. announced: None where Redis could not be reached."""
    return {
        "datasets": [asdict(each) | {"imported": each.good} for each in datasets],
        "rows": sum(each.rows for each in datasets),
        "imported": sum(each.good for each in datasets),
        "errors": list(errors),
        "announced": announced,
    }


def as_lines(datasets: Sequence[ImportedDataset]) -> Iterator[str]:
    """Yield a table's lines, the reasons of refused rows explained beneath it."""
    if not datasets:
        return
    yield "{:<14}{:<10}{:>9}{:>9}{:>9}{:>9}{:>6}{:>9}  {}".format(*_COLUMNS)
    for each in datasets:
        changed = each.confirmed + each.restated
        refused = ", ".join(f"{count} {fault}" for fault, count in each.refused.items())
        yield (
            f"{each.symbol:<14}{each.timeframe:<10}{each.rows:>9}{each.added:>9}{changed:>9}"
            f"{each.unchanged:>9}{each.gaps:>6}{each.missing:>9}  {refused or 0}"
        )
    total: Counter[RowFault] = Counter()
    for each in datasets:
        total.update(each.refused)
    for fault, count in total.items():
        yield f"{count} × {fault}: {ROW_FAULT_TEXTS[fault]}"
