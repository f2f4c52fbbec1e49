"""Which variant to try next: Optuna's TPE, asked so that a killed search goes on as it would have.

Every question is decided by the seed, its number and what was answered before, never by how
often the process began. Read by the search.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from training.search.spaces import Params, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class Question:
    """A variant to measure. number: from 0, without a gap; the first is the fit as it is."""

    number: int
    params: Params


class Study:
    """Questions and answers in one SQLite file.

    first: the parameters to begin with. batch: so many questions are asked before any of them
    is answered.
    """

    def __init__(self, file: Path, space: Space, first: Params, *, seed: int, batch: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._space, self._first, self._seed, self._batch = space, first, seed, batch
        self._study = optuna.create_study(
            storage=f"sqlite:///{file.resolve()}",
            study_name="search",
            direction="minimize",
            load_if_exists=True,
        )
        self._forget_half_asked()

    def next_questions(self, trials: int) -> list[Question]:
        """Return the variants to measure now, none where `trials` of them are answered.

        Those that were asked and never answered come first, with the rest of their batch.
        """
        asked = self._asked()
        begun = -(-len(asked) // self._batch) * self._batch
        open_ = [trial for trial in asked if trial.state == TrialState.RUNNING]
        until = min(trials, begun if open_ else len(asked) - len(asked) % self._batch + self._batch)
        for number in range(len(asked), until):
            self._ask(number)
        return [
            Question(number, trial.params)
            for number, trial in enumerate(self._asked())
            if trial.state == TrialState.RUNNING
        ]

    def answer(self, question: Question, loss: float | None) -> None:
        """Write down a variant's loss; None: it has none, and is not looked for again."""
        trial = self._asked()[question.number]
        if loss is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            self._study.tell(trial.number, loss)

    def answered(self, trials: int) -> list[Question]:
        """Return which of the first `trials` variants are answered."""
        return [
            Question(number, trial.params)
            for number, trial in enumerate(self._asked()[:trials])
            if trial.state.is_finished()
        ]

    def _ask(self, number: int) -> None:
        own = np.random.SeedSequence([self._seed, number]).generate_state(1)[0]
        self._study.sampler = TPESampler(seed=int(own))
        if number == 0:
            self._study.enqueue_trial(dict(self._first), skip_if_exists=True)
        trial = self._study.ask()
        for name in self._space:
            self._suggest(trial, name)

    def _suggest(self, trial: Trial, name: str) -> None:
        match self._space[name]:
            case FloatDistribution() as numbers:
                trial.suggest_float(name, numbers.low, numbers.high, log=numbers.log)
            case CategoricalDistribution() as choices:
                trial.suggest_categorical(name, choices.choices)
            case other:
                raise TypeError(f"{name}: the search knows no {type(other).__name__}")

    def _asked(self) -> list[FrozenTrial]:
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial.params.keys() == self._space.keys()]

    def _forget_half_asked(self) -> None:
        # Killed between two parameters of a question: it is asked again, as if never begun.
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.params.keys() != self._space.keys():
                self._study.tell(trial.number, state=TrialState.FAIL)
