"""Is the best of several variants better than their rival, or only the luckiest of them?

Hansen's test of superior predictive ability: among many equal variants the best looks better, and
the more were tried, the better it looks. Read by the gates wherever a run tried more than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import SPA

from predictions.promotion.criteria import Criterion
from training.criteria import Duel, significance
from training.evaluation import Bools, Floats, Integers

REPLICATES = 2_000
MOST_BLOCKS = 1_000
"""The test's time grows with their square; more tell hardly anything more."""
BLOCKS_TOGETHER = 2
"""Mean length, in blocks, of what the stationary bootstrap draws together."""
MINIMUM_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Trials:
    """Losses of every other variant that was tried, each [n] on the challenger's decisions in
    their order. seed: of the bootstrap."""

    losses: Sequence[Floats]
    seed: int = 0

    def take(self, rows: Integers | Bools) -> "Trials":
        """Return the losses of some of the decisions."""
        return Trials([one[rows] for one in self.losses], self.seed)

    def __len__(self) -> int:
        """Return how many variants were tried, the challenger included."""
        return 1 + len(self.losses)


def trial_significance(duel: Duel, trials: Trials | None = None) -> Criterion:
    """Ask for p < 0.01, by Diebold-Mariano or, where several variants were tried, by SPA.

    The latter's p is never below the former's: on few blocks of time a bootstrap is too sure.
    """
    alone = duel.compared().p
    if trials is None or len(trials) == 1:
        return significance(alone, duel.against)
    among = superior_p(duel, trials)
    p = None if alone is None or among is None else max(alone, among)
    return significance(p, duel.against, trials=len(trials))


def superior_p(duel: Duel, trials: Trials) -> float | None:
    """Return the p of the challenger's lead on its rival, as one of several variants.

    The bootstrap's share of draws in which some variant gains more by chance than the challenger
    did. None where there are too few blocks of time. Losses of one time are averaged over symbols
    first, then summed up in blocks, which are resampled with the stationary bootstrap.
    Raises ValueError where a variant's losses are of other decisions.
    """
    gains = [duel.gains]
    for number, losses in enumerate(trials.losses, 1):
        if losses.shape != duel.theirs.shape:
            raise ValueError(
                f"variant {number} has losses of {len(losses)} decisions, the challenger of"
                f" {len(duel.theirs)}: all must be of the same"
            )
        gains.append(duel.theirs - losses)
    sums = _block_sums(np.column_stack(gains), duel.times, duel.blocks)
    if len(sums) < MINIMUM_BLOCKS:
        return None
    scale = sums.std(axis=0)
    if not scale[0] > 0:
        return None
    told = sums[:, scale > 0] / scale[scale > 0]  # so that a wild variant drowns no calm one
    test = SPA(
        np.zeros(len(told)), -told, block_size=BLOCKS_TOGETHER, reps=REPLICATES, seed=trials.seed
    )
    test.compute()
    return _p_of(test, float(told[:, 0].mean()))


def _p_of(test: SPA, lead: float) -> float:
    # The test tells p of the best variant; the challenger's own is where the critical value of
    # the same draws meets its lead.
    low, high = 0, REPLICATES
    while low < high:
        middle = (low + high) // 2
        critical = float(test.critical_values((middle + 0.5) / (REPLICATES + 1))["consistent"])
        low, high = (low, middle) if lead > critical else (middle + 1, high)
    return (low + 1) / (REPLICATES + 1)


def _block_sums(gains: Floats, times: Integers, blocks: Integers) -> Floats:
    """Return the gains [n, k] per block of time [m, k], in units of a decision."""
    place = np.unique(times, return_inverse=True)[1]
    count = np.bincount(place)
    weights = 1.0 / count[place]  # one decision a time, however many symbols
    group = np.unique(blocks, return_inverse=True)[1]
    many = int(group.max()) + 1
    group = group * min(many, MOST_BLOCKS) // many
    return np.column_stack([np.bincount(group, weights * column) for column in gains.T])
