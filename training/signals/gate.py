"""Which signal model is served: the network only if it passes every criterion of the protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from market.candles.series import Floats
from training.signals.judging import TERCILES, TIME_BLOCKS, Judged, SignalJudgement, part_losses
from training.significance import Comparison

MAXIMUM_P = 0.01
MINIMUM_EFFECT = 0.003
MINIMUM_BETTER_BLOCKS = 4
MAXIMUM_TERCILE_LOSS = 0.01
MAXIMUM_ECE_LOSS = 0.005


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question to the challenger, the figure it gave and what was asked for."""

    name: str
    figure: float | None
    asked: str
    passed: bool


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """Who is served, the baseline that was to be beaten, and every criterion with its figure."""

    served: str
    best_baseline: str
    criteria: tuple[Criterion, ...]

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against the network; empty if nothing does."""
        return tuple(one.name for one in self.criteria if not one.passed)

    def to_record(self) -> dict[str, object]:
        """Return plain values, as they go into a manifest."""
        return {"served": self.served, "best_baseline": self.best_baseline} | {
            "criteria": [asdict(one) for one in self.criteria]
        }


@dataclass(frozen=True, slots=True)
class Contest:
    """Models' answers to the same decisions, and how each was judged."""

    judged: Judged
    answers: Mapping[str, Floats]
    judgements: Mapping[str, SignalJudgement]


def best_baseline(
    contest: Contest, compared: Callable[[str, str], Comparison], baselines: Sequence[str]
) -> str:
    """Return the baseline to beat: that of the smallest log-loss.

    Unless it is within one standard error of the first, the simplest: what cannot be told from
    the class shares shall not speak in their place.
    """
    simplest = baselines[0]
    best = min(baselines, key=lambda name: contest.judgements[name].log_loss)
    if best == simplest:
        return simplest
    statistic = compared(best, simplest).statistic
    return simplest if statistic is None or statistic <= 1.0 else best


def decide(
    network: str,
    champion: str,
    baselines: Sequence[str],
    walk_forward: Contest,
    final: Contest,
    compared: Comparison,
) -> SignalVerdict:
    """Weigh the network against the baselines; champion is the best of them.

    final: the once-opened last part, which may veto and never choose. compared: the network
    against the champion, walk-forward.
    """
    mine, theirs = walk_forward.judgements[network], walk_forward.judgements[champion]
    lead = min(walk_forward.judgements[one].log_loss for one in baselines) - mine.log_loss
    effect = 1 - mine.log_loss / theirs.log_loss
    better = _better_blocks(network, champion, walk_forward)
    worst = _worst_tercile(network, champion, walk_forward)
    ece = mine.ece - theirs.ece
    veto = final.judgements[champion].log_loss - final.judgements[network].log_loss
    p = compared.p
    criteria = (
        Criterion("log-loss below every baseline's", lead, "lead > 0", lead > 0),
        Criterion(
            f"Diebold-Mariano p against {champion}",
            p,
            f"< {MAXIMUM_P}",
            p is not None and p < MAXIMUM_P,
        ),
        Criterion(
            "log-loss gained on it", effect, f">= {MINIMUM_EFFECT}", effect >= MINIMUM_EFFECT
        ),
        Criterion(
            f"better of {TIME_BLOCKS} time blocks",
            float(better),
            f">= {MINIMUM_BETTER_BLOCKS}",
            better >= MINIMUM_BETTER_BLOCKS,
        ),
        Criterion(
            "loss in its worst volatility tercile",
            worst,
            f"<= {MAXIMUM_TERCILE_LOSS}",
            worst <= MAXIMUM_TERCILE_LOSS,
        ),
        Criterion("ECE above it", ece, f"<= {MAXIMUM_ECE_LOSS}", ece <= MAXIMUM_ECE_LOSS),
        Criterion("log-loss gained on the final test", veto, "> 0", veto > 0),
    )
    served = network if all(one.passed for one in criteria) else champion
    return SignalVerdict(served, champion, criteria)


def _better_blocks(network: str, champion: str, contest: Contest) -> int:
    mine, theirs = (
        part_losses(contest.answers[name], contest.judged, lambda one: one.sixths, TIME_BLOCKS)
        for name in (network, champion)
    )
    return int((mine < theirs).sum())


def _worst_tercile(network: str, champion: str, contest: Contest) -> float:
    mine, theirs = (
        part_losses(contest.answers[name], contest.judged, lambda one: one.terciles, TERCILES)
        for name in (network, champion)
    )
    return float((mine / theirs - 1).max())
