"""The figures of a manifest's protocol, each beside what it is compared with.

Read by the cards. A manifest may come from anywhere: what is no finite number is null, and a
verdict is given only where the manifest gives an interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

PARTS = {"walk_forward": "Walk-forward", "final_test": "Final test"}
"""What training judged on: what the choice rests on, and the last 20 % of time."""

BEATS, NOT_SHOWN, WORSE = "beats", "not_shown", "worse"
VERDICTS = (BEATS, NOT_SHOWN, WORSE)


@dataclass(frozen=True, slots=True)
class Column:
    """One figure. bound: what the baseline has by definition; None: nothing is claimed of it."""

    name: str
    title: str
    against: str = ""
    bound: float | None = None
    lower_is_better: bool = False


FORECAST_COLUMNS = (
    Column("r2", "R²", "no change", 0.0),
    Column("mae_ratio", "MAE ratio", "no change", 1.0, lower_is_better=True),
    Column("hit_rate", "Hit rate", "a coin", 0.5),
    Column("log_loss_skill", "Log-loss skill", "the class shares", 0.0),
    Column("brier", "Brier"),
    Column("ece", "ECE"),
    Column("coverage", "90 % coverage"),
)
SIGNAL_COLUMNS = (
    Column("log_loss_skill", "Log-loss skill", "the class shares", 0.0),
    Column("touch_skill", "Touch skill", "the touch share", 0.0),
    Column("direction_given_touch", "Direction if touched", "a coin", 0.5),
    Column("top_decile_direction", "Surest tenth", "a coin", 0.5),
    Column("accuracy", "Accuracy"),
    Column("brier", "Brier"),
    Column("ece", "ECE"),
)


def told_columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the columns as the API tells them."""
    return [asdict(column) for column in columns]


def told_parts(
    metrics: Mapping[str, Any], columns: Sequence[Column], served: str
) -> list[dict[str, Any]]:
    """Return each part of the protocol with a row a model; served: the name of the one served."""
    told = []
    for part, title in PARTS.items():
        models = _mapping(_mapping(metrics.get(part)).get("models", metrics.get(part)))
        rows = [
            {
                "name": str(name),
                "served": name == served,
                "n": count_of(_mapping(row).get("n")),
                "figures": {c.name: _figure(_mapping(row).get(c.name), c) for c in columns},
            }
            for name, row in models.items()
            if isinstance(row, Mapping)
        ]
        told.append({"part": part, "title": title, "rows": rows})
    return told


def verdicts(parts: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return of what is served whether it beats its baseline in every part of the protocol.

    `beats`: the whole 95 % interval lies beyond the baseline in each part; `worse`: before it in
    one; `not_shown`: neither; null: nothing was measured.
    """
    told = []
    for column in columns:
        if column.bound is None:
            continue
        found = [
            row["figures"][column.name]["verdict"]
            for part in parts
            for row in part["rows"]
            if row["served"]
        ]
        told.append(
            {
                "figure": column.name,
                "title": column.title,
                "against": column.against,
                "verdict": _together(found),
            }
        )
    return told


def number_of(value: object) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def count_of(value: object) -> int | None:
    """Return a whole number that is not negative, or None."""
    number = number_of(value)
    return int(number) if number is not None and number >= 0 else None


def _together(found: Sequence[str | None]) -> str | None:
    if WORSE in found:
        return WORSE
    if not any(found):
        return None
    return BEATS if len(found) == len(PARTS) and set(found) == {BEATS} else NOT_SHOWN


def _figure(given: object, column: Column) -> dict[str, Any]:
    # A score without an interval stands there as a bare number.
    fields = given if isinstance(given, Mapping) else {"value": given}
    value, lower, upper = (number_of(fields.get(name)) for name in ("value", "lower", "upper"))
    return {
        "value": value,
        "lower": lower,
        "upper": upper,
        "n": count_of(fields.get("n")),
        "n_eff": number_of(fields.get("n_eff")),
        "verdict": _verdict(column, lower, upper),
    }


def _verdict(column: Column, lower: float | None, upper: float | None) -> str | None:
    if column.bound is None or lower is None or upper is None:
        return None
    above, below = lower > column.bound, upper < column.bound
    better, worse = (below, above) if column.lower_is_better else (above, below)
    return BEATS if better else WORSE if worse else NOT_SHOWN


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
