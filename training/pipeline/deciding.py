"""The end of a trial: the second gate looks at the ledger, once, and promotes or rejects.

Too few decisions prolong the trial by as much again, twice at most. A frozen slot, or one whose
network the configuration names, keeps a challenger that passed waiting, until a person promotes it,
rejects it, or lets go of the slot. Where another champion serves by then, it is tried anew.
"""

from market.clock import MADE_UP
from predictions.models.retraining import GateVerdict, RunState, RunStep, VersionState
from predictions.promotion.criteria import Stage
from predictions.promotion.errors import FrozenError, OtherServesError, PinnedError
from predictions.promotion.standing import Automatic, champion_version, promote
from training.pipeline import records
from training.pipeline.market_now import running_market
from training.pipeline.steps import Run, reject_once, retire_once
from training.pipeline.trials import (
    MOST_PROLONGED,
    TrialTime,
    is_abandoned,
    is_due,
    may_be_tried,
)
from training.shadow_gate import Undecided


def decide(run: Run) -> None:
    """Judge a challenger whose time on trial is over; leave others as they are."""
    row = run.row
    trial = TrialTime.of(row)
    if row.version is None or trial is None:
        run.end(RunState.FAILED, "the run's version or its time on trial is not known any more")
        return
    if not is_due(row, running_market()):
        return
    kept = row.verdicts.filter(stage=Stage.SHADOW, passed=True).first()
    if row.version.state != VersionState.SHADOW:
        _end_as_found(run, kept)
        return
    if kept is not None and row.step == RunStep.PROMOTION:
        _promote(run, trial, kept)
        return
    _judge(run, trial)


def _judge(run: Run, trial: TrialTime) -> None:
    row, slot = run.row, run.slot
    version, champion = _version(run), champion_version(slot)
    verdict = run.engine.in_shadow(trial.venue, version, champion, trial.from_ms, trial.until_ms)
    if isinstance(verdict, Undecided):
        _too_few(run, trial, verdict.why)
        return
    row.step = RunStep.PROMOTION
    kept = records.write_verdict(row, verdict, row.version)
    row.save()
    if verdict.passed:
        _promote(run, trial, kept)
        return
    why = f"not better than {champion} on trial: {'; '.join(verdict.objections)}"
    reject_once(run, why, _figures(kept))
    run.end(RunState.REJECTED, f"{version} is {why}")


def _too_few(run: Run, trial: TrialTime, why: str) -> None:
    row, version = run.row, _version(run)
    if trial.prolonged < MOST_PROLONGED and not is_abandoned(row, trial):
        row.metrics = {**row.metrics, "trial": trial.longer().to_record()}
        row.message = f"{version} stays on trial in {trial.venue}: {why}"
        row.save()
        run.told(f"{run.slot}: {row.message}")
        return
    why = f"too few decisions on trial in {trial.venue}: {why}"
    reject_once(run, why)
    run.end(RunState.REJECTED, f"{version}: {why}")


def _promote(run: Run, trial: TrialTime, kept: GateVerdict) -> None:
    version = _version(run)
    why = f"passed both gates against {kept.against}, run {run.row.pk}"
    by, figures = Automatic.RETRAINING, _figures(kept)
    if trial.venue.startswith(MADE_UP):
        # What serves, serves whichever market runs next.
        why = f"{why}; prices of {trial.venue} are made up: promote it by hand"
        retire_once(run, why, figures)
        run.end(RunState.REJECTED, f"{version} {why}")
        return
    try:
        promote(run.slot, version, by=by, why=why, figures=figures, serving=kept.against)
    except (FrozenError, PinnedError) as error:
        run.row.message = f"{version} passed both gates, and waits: {error}"
        run.row.save()
        run.told(f"{run.slot}: {run.row.message}")
        return
    except OtherServesError as error:
        _try_anew(run, str(error))
        return
    run.end(RunState.PROMOTED, f"{version} {why}")


def _try_anew(run: Run, why: str) -> None:
    # What it was found better than is gone, and of the other too little may be known together.
    market, row = running_market(), run.row
    if market is None or not may_be_tried(row.venue, market):
        return  # until such a market runs
    trial = TrialTime.beginning(run.slot, market)
    row.metrics, row.step = {**row.metrics, "trial": trial.to_record()}, RunStep.SHADOW
    row.message = f"{_version(run)} is on trial anew in {trial.venue}: {why}"
    row.save()
    run.told(f"{run.slot}: {row.message}")


def _end_as_found(run: Run, kept: GateVerdict | None) -> None:
    # A run that was killed behind its promotion, or a person who decided meanwhile.
    version = run.row.version
    served = version is not None and version.state in (VersionState.CHAMPION, VersionState.PREVIOUS)
    if served and kept is not None:
        run.end(RunState.PROMOTED, f"{_version(run)} passed both gates and was promoted")
    elif served:
        run.end(RunState.PROMOTED, f"{_version(run)} was promoted by hand")
    else:
        run.end(RunState.REJECTED, f"{_version(run)} was taken off the trial")


def _figures(kept: GateVerdict) -> dict[str, float | None]:
    return {one["name"]: one["figure"] for one in kept.criteria}


def _version(run: Run) -> str:
    if run.row.version is None:
        raise ValueError(f"run {run.row.pk} has no version")
    return run.row.version.version
