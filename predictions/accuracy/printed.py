"""An engine's record as text, for people at a terminal. Read by `manage.py accuracy_report`."""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.accuracy.costs import FIGURES

_COUNTS = ("said", "late", "revisions", "candles", "n", "without_mid", "open")


def printed(told: Mapping[str, Any]) -> str:
    """Return the record as lines: each figure with interval, n, n_eff and baseline."""
    live = {True: "live", False: "not live", None: "nothing was said"}[told["live"]]
    window = f"{told['from'] or 'the beginning'} to {told['to'] or 'now'}"
    if told["last"] is not None:
        window = f"the newest {told['last']}"
    lines = [f"{told['engine']} of {told['venue']} ({live}), {window}"]
    lines += _summary(told["overall"])
    for group in told["groups"] or ():
        name = " ".join(f"{by} {group[by]}" for by in told["by"].split(","))
        lines += ["", name, *_summary(group)]
    if told["risk_coverage"]:
        lines += ["", "hit rate by share kept, the surest first"]
        for point in told["risk_coverage"]:
            lines.append(_figure(f"{point['share']:7.1%} kept", point["hit_rate"]))
    lines += _series(told["series"]) + _spread(told["r_distribution"])
    if told["costs"]:
        lines += ["", *_bill(told["costs"])]
    return "\n".join(lines)


def _summary(told: Mapping[str, Any]) -> Iterator[str]:
    counts = [f"{name} {told[name]}" for name in _COUNTS if name in told]
    counts += [f"{why} {count}" for why, count in told.get("ungradable", {}).items()]
    if counts:
        yield "  " + ", ".join(counts)
    for name, figure in told.items():
        if isinstance(figure, Mapping) and "value" in figure:
            yield _figure(name, figure)
        elif isinstance(figure, Mapping) and "ece" in figure:
            yield f"  {'ece':20} {_number(figure['ece'])}  n {figure['n']}"


def _figure(name: str, figure: Mapping[str, Any]) -> str:
    text = f"  {name:20} {_number(figure['value'])}"
    if figure["lower"] is not None:
        text += f"  [{_number(figure['lower'])}, {_number(figure['upper'])}]"
    text += f"  n {figure['n']}"
    if figure["n_eff"] is not None:
        text += f", n_eff {figure['n_eff']:.0f}"
    if figure.get("baseline") is not None:
        text += f", baseline {_number(figure['baseline'])}"
    return text


def _series(series: Mapping[str, Any] | None) -> list[str]:
    if not series:
        return []
    lines = ["", f"hit rate over time, of the {series['window']} before"]
    return lines + [_figure(point["to"][:16], point["hit_rate"]) for point in series["points"]]


def _spread(spread: Mapping[str, Any] | None) -> list[str]:
    if not spread or not spread["bins"]:
        return []
    lines = ["", f"R multiples: how many about each, n {spread['n']}, before and after fees"]
    return lines + [
        f"  {each['r']:+6.2f} R  {each['before']:8}  {each['after_fees']:8}"
        for each in spread["bins"]
        if each["before"] or each["after_fees"]
    ]


def _bill(costs: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"after {costs['fee_bp']:g} bp fee and {costs['slippage_bp']:g} bp slippage a side, "
        f"{costs['latency_ms']} ms later, in {costs['unit']}"
    )
    yield _figure("mean", costs["mean"])
    for name in FIGURES:
        yield f"  {name:20} {_number(costs[name])}"
    for kind in ("missed", "unknown"):
        for why, count in costs[kind].items():
            yield f"  {kind} {why} {count}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
