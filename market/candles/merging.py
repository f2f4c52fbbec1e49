"""What becomes of new candles beside the stored ones. Read by `market.candles.store`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from market.candles.sanity import RowFault
from market.candles.series import CandleSeries, Flags, Integers

PRICE_ROUNDING, VOLUME_ROUNDING = 1e-9, 1e-6
"""Candles that differ by no more than this share are the same: sums and texts are rounded."""

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One part after a merge. The rest are opens, as in `Upserted`."""

    candles: CandleSeries
    added: Integers
    confirmed: Integers
    revised: Integers
    restated: Integers
    mismatched: Integers
    unchanged: int

    @property
    def changed(self) -> bool:
        """Whether the file must be written."""
        return any(len(each) for each in self._changes)

    @property
    def _changes(self) -> tuple[Integers, ...]:
        return self.added, self.confirmed, self.revised, self.restated


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did; each array holds opens (ms, rising).

    added: new. confirmed: were provisional, are confirmed now. revised: a provisional candle
    replaced a provisional one that differed. restated: a confirmed candle replaced a confirmed
    one that differed. mismatched: a provisional and a confirmed one differed, whichever came
    first. unchanged: rows that changed nothing. refused: rows that are no closed candle.
    """

    added: Integers
    confirmed: Integers
    revised: Integers
    restated: Integers
    mismatched: Integers
    unchanged: int
    refused: dict[RowFault, int]

    @property
    def stored(self) -> Integers:
        """Opens of all candles that the store did not hold like this before."""
        return np.sort(np.concatenate([self.added, self.confirmed, self.revised, self.restated]))

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], refused: dict[RowFault, int]) -> Self:
        def joined(name: str) -> Integers:
            parts = [getattr(verdict, name) for verdict in verdicts]
            return np.concatenate([np.empty(0, np.int64), *parts])

        return cls(
            joined("added"),
            joined("confirmed"),
            joined("revised"),
            joined("restated"),
            joined("mismatched"),
            sum(verdict.unchanged for verdict in verdicts),
            refused,
        )


def merge(stored: CandleSeries, new: CandleSeries) -> Verdict:
    """Merge new candles into stored ones; both rise in time."""
    known = np.isin(new.open_ms, stored.open_ms, assume_unique=True)
    again = new[known]
    at = np.searchsorted(stored.open_ms, again.open_ms)
    old = stored[at]
    differs = _differ(old, again)
    was, now = old.provisional, again.provisional
    confirmed, revised = was & ~now, was & now & differs
    restated = ~was & ~now & differs
    mismatched = (was != now) & differs
    taken = confirmed | revised | restated
    kept = np.ones(len(stored), np.bool_)
    kept[at[taken]] = False
    fresh = ~known
    fresh[np.flatnonzero(known)[taken]] = True
    return Verdict(
        union(new[fresh], stored[kept]),
        new.open_ms[~known],
        again.open_ms[confirmed],
        again.open_ms[revised],
        again.open_ms[restated],
        again.open_ms[mismatched],
        int((~taken).sum()),
    )


def union(first: CandleSeries, second: CandleSeries) -> CandleSeries:
    """Join two series in order of time; where both have a candle, `first` has its say."""
    lacking = second[~np.isin(second.open_ms, first.open_ms, assume_unique=True)]
    if not len(lacking):
        return first
    order = np.argsort(np.concatenate([first.open_ms, lacking.open_ms]), kind="stable")
    return CandleSeries(
        *(
            np.concatenate([getattr(first, each.name), getattr(lacking, each.name)])[order]
            for each in fields(CandleSeries)
        )
    )


def _differ(old: CandleSeries, new: CandleSeries) -> Flags:
    differs = ~np.isclose(new.volume, old.volume, rtol=VOLUME_ROUNDING, atol=1e-8)
    for name in _PRICES:
        before, after = getattr(old, name), getattr(new, name)
        differs |= np.abs(after - before) > PRICE_ROUNDING * np.abs(before)
    return differs
