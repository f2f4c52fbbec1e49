"""How far a slot's inputs of late lie from what its champion learned from.

Each symbol is held against itself. What the version learned from is the reference where its
sketches lie beside it and hold enough; else the first days of the version in the ledger stand in,
and are named so; else nothing is known. A simulated market is no drift from a real one, nor the
reverse: there the ledger's first days are the reference as well.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inference.artefacts.versions import Slot
from market.clock import SIMULATED
from predictions.models import ModelVersion
from predictions.models.retraining import Origin
from predictions.moments import milliseconds
from predictions.promotion.told import Against, DriftFigure, DriftKind
from training.drift.inputs import input_names
from training.drift.references import POOLED, read_reference, sketched
from training.drift.samples import Samples, newest_ms, oldest_ms, samples, window_ms
from training.drift.shifts import Shift, shift
from training.drift.sketches import Sketch

SHARE = 0.25
"""Of the symbols that can be judged: where so many drifted in an input, the slot did."""

Sketches = Mapping[str, Mapping[str, Sketch]]


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """figures: of the slot, one an input; by_symbol: the same of each symbol, of forecasts."""

    figures: tuple[DriftFigure, ...]
    by_symbol: Mapping[str, tuple[DriftFigure, ...]]


def feature_drift(slot: Slot, venue: str, live: bool, version: str) -> FeatureDrift:
    """Measure all inputs of a slot in a venue."""
    newest = newest_ms(slot, venue)
    if newest is None:
        return FeatureDrift((), {})
    from_ms = newest - window_ms(slot)
    recent = samples(slot, venue, from_ms, newest + 1)
    known = read_reference(slot, version) if _of_one_kind(slot, version, venue) else None
    trained: Sketches = {} if known is None else known.sketches
    if all(_tells(trained.get(symbol)) for symbol in recent):
        first: Sketches = {}
    else:
        first = _first_days(slot, venue, live, version, from_ms)
    found = {symbol: _of_symbol(slot, symbol, recent, trained, first) for symbol in sorted(recent)}
    figures = _of_slot(found)
    return FeatureDrift(figures, {key: each for key, each in found.items() if key != POOLED})


def _of_one_kind(slot: Slot, version: str, venue: str) -> bool:
    row = ModelVersion.objects.filter(slot=str(slot), version=version).first()
    learned_in = "" if row is None else row.venue  # "": files of elsewhere, which are real markets'
    return learned_in.startswith(SIMULATED) is venue.startswith(SIMULATED)


def _tells(sketches: Mapping[str, Sketch] | None) -> bool:
    return bool(sketches) and all(each.n_eff is not None for each in (sketches or {}).values())


def _first_days(
    slot: Slot, venue: str, live: bool, version: str, before_ms: int
) -> dict[str, dict[str, Sketch]]:
    begin = oldest_ms(slot, venue)
    if begin is None:
        return {}
    # What is shipped served from the first; a live market's time is everybody's.
    later = ModelVersion.objects.filter(slot=str(slot), version=version).exclude(
        origin=Origin.SHIPPED
    )
    row = later.first() if live else None
    if row is not None:
        begin = max(begin, milliseconds(row.since))
    found = samples(slot, venue, begin, min(begin + window_ms(slot), before_ms))
    names = input_names(slot)
    return {key: sketched(names, each.inputs, each.times_ms) for key, each in found.items()}


def _of_symbol(
    slot: Slot, symbol: str, recent: Samples, trained: Sketches, first: Sketches
) -> tuple[DriftFigure, ...]:
    reference, against = trained.get(symbol), Against.TRAINING
    if not _tells(reference) and symbol in first:
        reference, against = first[symbol], Against.LEDGER
    if reference is None:
        against = Against.NOTHING
    sample = recent[symbol]
    figures = []
    for index, name in enumerate(input_names(slot)):
        before = None if reference is None else reference.get(name)
        values = sample.inputs[:, index]
        if before is None:
            found = Shift(None, None, None, None, None, len(values), None)
        else:
            found = shift(before, values, sample.times_ms)
        figures.append(_figure(name, found, against))
    return tuple(figures)


def _figure(name: str, found: Shift, against: Against) -> DriftFigure:
    return DriftFigure(
        kind=DriftKind.FEATURE,
        name=name,
        value=found.psi,
        effect=found.effect,
        bound=found.bound,
        effect_bound=found.effect_bound,
        against=against.value,
        drifted=found.drifted,
        n=found.n,
        n_eff=found.n_eff,
        symbols=int(found.drifted is not None),
        drifted_symbols=int(bool(found.drifted)),
    )


def _of_slot(by_symbol: Mapping[str, tuple[DriftFigure, ...]]) -> tuple[DriftFigure, ...]:
    if len(by_symbol) == 1:
        return next(iter(by_symbol.values()))
    grouped: defaultdict[str, list[tuple[str, DriftFigure]]] = defaultdict(list)
    for symbol, figures in by_symbol.items():
        for each in figures:
            grouped[each.name].append((symbol, each))
    return tuple(_together(name, found) for name, found in grouped.items())


def _together(name: str, found: list[tuple[str, DriftFigure]]) -> DriftFigure:
    judged = [each for _, each in found if each.drifted is not None]
    drifted = sum(bool(each.drifted) for each in judged)
    known = [(each.value, symbol) for symbol, each in found if each.value is not None]
    shown = judged or [each for _, each in found]
    kinds = {each.against for each in shown}
    return DriftFigure(
        kind=DriftKind.FEATURE,
        name=name,
        value=_median([each.value for each in shown]),
        effect=_median([each.effect for each in shown]),
        bound=_median([each.bound for each in shown]),
        effect_bound=_median([each.effect_bound for each in shown]),
        against=kinds.pop() if len(kinds) == 1 else Against.LEDGER.value,
        drifted=drifted >= max(1, SHARE * len(judged)) if judged else None,
        n=sum(each.n for _, each in found),
        n_eff=_median([each.n_eff for each in shown]),
        symbols=len(judged),
        drifted_symbols=drifted,
        worst=max(known)[1] if known else "",
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
