"""A forecaster against the champion: the served network is asked on the same decisions.

Read by `manage.py retrain` once the protocol has chosen a challenger. What the champion learned
from favours it, so the decisions later than that are judged alone where there are enough, and
then they alone decide.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.artefacts.registry import LoadedModel, Registry
from inference.forecasts.engine import Engine
from predictions.promotion.criteria import Criterion, Verdict
from training.criteria import ChampionVerdicts
from training.evaluation import Bools, Floats
from training.gate import LEAST_N_EFF, Contest, alarms, between, duel, lead, veto
from training.protocol import SERVABLE_BASELINES, Outcome, Trial, joined
from training.superiority import Trials

_ROWS_A_RUN = 4096


def open_champion(path: Path) -> LoadedModel:
    """Return the served network of an ONNX file, checked as the loop checks it.

    Raises ArtefactError.
    """
    registry = Registry(configured=str(path), base_dir=path.parent, var_dir=path.parent)
    return registry.load_at(path)


def judge_against_champion(
    outcome: Outcome, champion: LoadedModel, *, version: str, trials: Trials | None = None
) -> ChampionVerdicts:
    """Judge what the protocol chose against the champion, on identical decisions.

    version: the challenger's, for the verdicts. trials: the other variants tried, by their
    walk-forward losses; then only the final test counts as later, which no choice has seen.
    """
    name, rival = outcome.verdict.served, champion.version
    (walk_forward, spoke), (final, _) = (
        _asked(one, champion) for one in (outcome.walk_forward, outcome.final)
    )
    if trials is not None:
        trials = trials.take(spoke)
    every = _verdict(name, rival, walk_forward, final, version, trials)
    chosen_on_too = trials is None or len(trials) == 1
    trial = joined([outcome.walk_forward, outcome.final]) if chosen_on_too else outcome.final
    later = _later(trial, champion)
    if later is None:
        return ChampionVerdicts(every, None)
    contest, _ = _asked(later, champion)
    judged = _verdict(name, rival, contest, final, version)
    return ChampionVerdicts.of(every, judged, least=LEAST_N_EFF)


def champion_answers(champion: LoadedModel, features: Floats) -> Floats:
    """Return what the network says of raw features [n, 20]: [n, 6], NaN where it says nothing."""
    said = Engine(champion, batch_size=_ROWS_A_RUN).predict(features)
    columns = (said.ret_bp, said.q05_bp, said.q95_bp, said.p_up, said.p_flat, said.p_down)
    return np.column_stack(columns)


def _asked(trial: Trial, champion: LoadedModel) -> tuple[Contest, Bools]:
    # Only decisions on which the champion has an answer; and which those are.
    answers = champion_answers(champion, trial.decisions.features)
    contest = trial.contest
    every = replace(contest, answers={**contest.answers, champion.version: answers})
    spoke = np.isfinite(answers[:, 0])
    return every.take(spoke), spoke


def _later(trial: Trial, champion: LoadedModel) -> Trial | None:
    if champion.manifest is None:
        return None
    learned_until = champion.manifest.training.span[1].timestamp() * 1000
    rows = trial.decisions.decided_ms > learned_until
    return trial.take(rows) if rows.any() else None


def _lead(name: str, contest: Contest, rival: str) -> tuple[Criterion, ...]:
    # A baseline that is to follow the champion is the best of them by the protocol's own rule.
    if name in SERVABLE_BASELINES:
        return ()
    others = {one: answers for one, answers in contest.answers.items() if one != rival}
    return (lead(name, replace(contest, answers=others)),)


def _verdict(
    name: str,
    rival: str,
    contest: Contest,
    final: Contest,
    version: str,
    trials: Trials | None = None,
) -> Verdict:
    asked = (
        *_lead(name, contest, rival),
        *between(name, rival, contest, trials=trials, alarms=alarms(name, final)),
        veto(name, rival, final),
    )
    return duel(name, rival, contest).verdict(version, asked)
