"""A signal network against the champion: the served one is asked on the same candles.

Read by `manage.py retrain` once the protocol has chosen a challenger. What the champion learned
from favours it, so the decisions later than that are judged alone where there are enough, and
then they alone decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_folder import (
    NothingThere,
    check_claims,
    checked_network,
    read_folder,
)
from inference.artefacts.signal_manifest import MANIFEST_NAME, SignalManifest
from inference.artefacts.signal_network import SignalNetwork, open_signal_network
from market.candles.series import Flags, Floats, Integers
from market.candles.timeframes import Timeframe
from predictions.promotion.criteria import Criterion, Verdict
from training.criteria import ChampionVerdicts
from training.recordings import TrainingDataError
from training.signals.baselines import BASELINES
from training.signals.datasets import SignalDataset
from training.signals.gate import LEAST_N_EFF, alarms, between, duel, lead, veto
from training.signals.judging import Judged
from training.signals.protocol import Outcome
from training.signals.splitting import signal_splits
from training.superiority import Trials

_ROWS_A_RUN = 4096


@dataclass(frozen=True, slots=True)
class Champion:
    """What serves a timeframe's coins."""

    manifest: SignalManifest
    network: SignalNetwork


@dataclass(frozen=True, slots=True)
class _Answered:
    judged: Judged
    answers: Mapping[str, Floats]
    theirs: Floats

    def take(self, rows: Flags) -> "_Answered":
        answers = {name: one[rows] for name, one in self.answers.items()}
        return _Answered(self.judged.take(rows), answers, self.theirs[rows])


def open_champion(folder: Path, timeframe: Timeframe) -> Champion:
    """Return the network of a version's folder, its files checked and tried once.

    Raises TrainingDataError where it is missing, damaged, or no network with a manifest.
    """
    try:
        manifest = read_folder(folder)
        if not isinstance(manifest, SignalManifest):
            raise TrainingDataError(f"{folder / MANIFEST_NAME} is missing: nothing to judge")
        check_claims(folder, manifest, manifest.symbols[0], timeframe)
        content, digest = checked_network(folder, manifest)
        path = folder / manifest.network
        return Champion(manifest, open_signal_network(content, digest, path, len(manifest.symbols)))
    except NothingThere as error:
        raise TrainingDataError(f"{folder / MANIFEST_NAME} is missing: nothing to judge") from error
    except ArtefactError as error:
        raise TrainingDataError(str(error)) from error


def judge_against_champion(
    outcome: Outcome,
    dataset: SignalDataset,
    champion: Champion,
    *,
    version: str,
    trials: Trials | None = None,
) -> ChampionVerdicts:
    """Judge what the protocol chose against the champion, on identical decisions.

    dataset: that of the outcome. Coins that the champion does not know are left out. version: the
    challenger's, for the verdicts. trials: the other variants tried, by their walk-forward
    losses; then only the final test counts as later, which no choice has seen.
    Raises TrainingDataError where the champion knows none of the coins.
    """
    name, rival = outcome.verdict.served, champion.manifest.version
    splits = signal_splits(dataset)
    tested = np.concatenate([np.flatnonzero(fold.test) for fold in splits.folds])
    walk_forward, known = _answered(
        outcome.walk_forward.judged, outcome.walk_forward.answers, dataset, tested, champion
    )
    final, _ = _answered(
        outcome.final.judged,
        outcome.final.answers,
        dataset,
        np.flatnonzero(splits.final.test),
        champion,
    )
    spoken = None if trials is None else trials.take(known)
    every = _verdict(name, rival, walk_forward, final, version, spoken)
    chosen_on_too = trials is None or len(trials) == 1
    both = _joined(walk_forward, final) if chosen_on_too else final
    until = champion.manifest.training.span[1].timestamp() * 1000
    rows = both.judged.decided_ms > until
    if not rows.any():
        return ChampionVerdicts(every, None)
    later = _verdict(name, rival, both.take(rows), final, version)
    return ChampionVerdicts.of(every, later, least=LEAST_N_EFF)


def champion_answers(champion: Champion, dataset: SignalDataset, rows: Integers) -> Floats:
    """Return the probabilities [k, 3] that the champion gives for decisions, by their numbers.

    NaN where it does not know the coin.
    """
    known = champion.manifest.symbols
    place = np.array([known.index(one) if one in known else -1 for one in dataset.symbols])
    index = place[dataset.symbol[rows]]
    answers = np.full((len(rows), 3), np.nan)
    spoken = np.flatnonzero(index >= 0)
    for chunk in np.array_split(spoken, max(1, len(spoken) // _ROWS_A_RUN)):
        if len(chunk):
            answers[chunk] = champion.network.run(dataset.windows(rows[chunk]), index[chunk])
    return answers


def _answered(
    judged: Judged,
    answers: Mapping[str, Floats],
    dataset: SignalDataset,
    rows: Integers,
    champion: Champion,
) -> tuple[_Answered, Flags]:
    # Only decisions that the champion has an answer to; and which those are.
    theirs = champion_answers(champion, dataset, rows)
    known: Flags = np.isfinite(theirs[:, 0])
    if not known.any():
        raise TrainingDataError(
            f"{champion.manifest.version} knows none of the coins {', '.join(dataset.symbols)}"
        )
    return _Answered(judged, answers, theirs).take(known), known


def _joined(first: _Answered, second: _Answered) -> _Answered:
    answers = {
        name: np.concatenate([one, second.answers[name]]) for name, one in first.answers.items()
    }
    theirs = np.concatenate([first.theirs, second.theirs])
    return _Answered(Judged.joined([first.judged, second.judged]), answers, theirs)


def _lead(name: str, answered: _Answered) -> tuple[Criterion, ...]:
    # A baseline that is to follow the champion is the best of them by the protocol's own rule.
    if name in BASELINES:
        return ()
    return (lead(name, BASELINES, answered.answers, answered.judged),)


def _verdict(
    name: str,
    rival: str,
    answered: _Answered,
    final: _Answered,
    version: str,
    trials: Trials | None = None,
) -> Verdict:
    mine, theirs, judged = answered.answers[name], answered.theirs, answered.judged
    last = final.answers[name]
    asked = (
        *_lead(name, answered),
        *between(mine, theirs, judged, rival, trials=trials, alarms=alarms(last, final.judged)),
        veto(last, final.theirs, final.judged),
    )
    return duel(mine, theirs, judged, rival).verdict(version, asked)
