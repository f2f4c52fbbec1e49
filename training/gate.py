"""Which model is served: the network only if it beats every baseline by the protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation import squared_errors
from training.judging import Judgement
from training.networks import Floats
from training.significance import Comparison

MINIMUM_EFFECT_R2 = 0.002
MAXIMUM_P = 0.01
TIME_BLOCKS = 6
MINIMUM_BETTER_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who is served, and why. objections: what speaks against the network, empty if nothing."""

    served: str
    best_baseline: str
    objections: tuple[str, ...]


def best_baseline(
    judged: Mapping[str, Judgement],
    compared: Callable[[str, str], Comparison],
    servable: Sequence[str],
) -> str:
    """Return the servable baseline to beat, by the one-standard-error rule.

    That is the simplest (servable is ordered so) whose mean loss is within one standard error
    of the smallest: with little data the order of the rest is noise.
    """
    best = max(servable, key=lambda name: _r2(judged[name]))
    for name in servable:
        if name == best:
            break
        statistic = compared(best, name).statistic
        if statistic is None or statistic <= 1.0:
            return name
    return best


def better_blocks(
    returns_bp: Floats, model_bp: Floats, baseline_bp: Floats, elapsed: Floats
) -> int:
    """Count in how many of six equal stretches of time the model's squared error is smaller.

    elapsed: [n] position in time; recordings side by side share a stretch.
    """
    gains = squared_errors(returns_bp, baseline_bp) - squared_errors(returns_bp, model_bp)
    edges = np.quantile(elapsed, np.linspace(0, 1, TIME_BLOCKS + 1)[1:-1])
    sums = np.bincount(np.searchsorted(edges, elapsed, "right"), gains, minlength=TIME_BLOCKS)
    return int((sums > 0).sum())


def decide_served(
    network: str,
    judged: Mapping[str, Judgement],
    final: Mapping[str, Judgement],
    comparisons: Mapping[str, Comparison],
    better: int,
    champion: str,
) -> Verdict:
    """Weigh the network against the baselines; champion is the best servable one.

    judged: walk-forward; final: the once-opened last part, which may veto and never choose.
    comparisons: the network against each baseline, walk-forward. better: time blocks in which
    it beats the best baseline.
    """
    objections = []
    for name, judgement in judged.items():
        if name == network:
            continue
        if _r2(judged[network]) <= _r2(judgement):
            objections.append(f"R² is not above {name}'s")
    effect = _r2(judged[network]) - _r2(judged[champion])
    if effect < MINIMUM_EFFECT_R2:
        objections.append(f"R² gains {effect:+.4f} on {champion}; {MINIMUM_EFFECT_R2} is asked")
    p = comparisons[champion].p
    if p is None or p >= MAXIMUM_P:
        shown = "unknown" if p is None else f"{p:.3f}"
        objections.append(f"Diebold-Mariano p is {shown} against {champion}, not < {MAXIMUM_P}")
    if better < MINIMUM_BETTER_BLOCKS:
        objections.append(f"better in {better} of {TIME_BLOCKS} time blocks, not 4")
    if _r2(final[network]) <= _r2(final[champion]):
        objections.append(f"R² is not above {champion}'s on the final test")
    return Verdict(champion if objections else network, champion, tuple(objections))


def _r2(judgement: Judgement) -> float:
    return -np.inf if judgement.r2.value is None else judgement.r2.value
