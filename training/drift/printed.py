"""What `manage.py measure_drift` prints: a line a slot, and one a figure that can be told."""

from collections.abc import Iterator

from predictions.promotion.told import DriftFigure, DriftKind, DriftTold, SlotDrift


def printed(told: DriftTold) -> str:
    """Return the text."""
    kind = "live" if told.live else "not live"
    lines = [f"{told.venue} ({kind})"]
    for slot in told.slots:
        lines += _slot(slot)
    return "\n".join(lines)


def _slot(slot: SlotDrift) -> Iterator[str]:
    yield ""
    if slot.problem:
        yield f"{slot.slot}: {slot.problem}"
        return
    judged = [each for each in slot.figures if each.drifted is not None]
    yield (
        f"{slot.slot}, {slot.version}: {len(slot.drifted)} drifted of {len(judged)} that can be"
        f" judged; {len(slot.figures) - len(judged)} cannot"
    )
    for each in slot.figures:
        yield f"  {_figure(each)}"


def _figure(each: DriftFigure) -> str:
    told = {True: "DRIFTED", False: "", None: "not judged"}[each.drifted]
    if each.kind is not DriftKind.FEATURE:
        before = f"before {_number(each.reference)}"
        return f"{each.kind} {each.name:<20} {_number(each.value):>8}  {before}  {told}".rstrip()
    against = f"against {each.against}" if each.against else "no reference"
    of_symbols = f"{each.drifted_symbols}/{each.symbols} symbols" if each.symbols > 1 else ""
    return (
        f"{each.name:<22} PSI {_number(each.value):>7} (bound {_number(each.bound)})"
        f"  KS {_number(each.effect):>6} (bound {_number(each.effect_bound)})"
        f"  {against}  {of_symbols}  {told}"
    ).rstrip()


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
