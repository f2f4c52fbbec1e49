"""The search itself, the same for both engines: ask, measure, answer, until enough were tried.

No variant is given up half-way: each that was tried counts in the test of significance, which
needs its losses on all walk-forward decisions.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from training.search.spaces import Params, Space
from training.search.studying import Question, Study
from training.search.variants import Found, Measured, Variant, read_measured, write_measured

Options = TypeVar("Options")
Made = TypeVar("Made", covariant=True)
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOrder:
    """How many variants to try. batch: so many are fitted together before the next are chosen;
    it changes what is found, where it runs does not. folder: the search is kept there."""

    trials: int
    folder: Path
    seed: int = 1
    batch: int = 1


class Subject(Protocol[Made]):
    """What the search needs to know of an engine and its data.

    first: the parameters of the fit as it is. record: all that decides what is found, but for
    the space, the seed and the batch. name: of the search.
    """

    @property
    def space(self) -> Space: ...

    @property
    def first(self) -> Params: ...

    @property
    def record(self) -> list[object]: ...

    def options(self, params: Params) -> Made:
        """Return how a variant is fitted."""

    def folder(self, name: str, number: int) -> Path:
        """Return where the workplace keeps a variant's fits."""

    def measure(self, name: str, questions: Sequence[Question]) -> list[Measured]:
        """Fit and measure variants, or take what was fitted before."""


def search(
    subject: Subject[Options], order: SearchOrder, told: Told = lambda _: None
) -> Found[Options]:
    """Try variants until there are order.trials; one that was tried before is not tried again.

    told: hears a line about each. Raises WorkplaceError, TrainingDataError and DeviceError of
    the fits; started again, the search goes on.
    """
    name = _name(subject, order)
    place = order.folder / name
    study = Study(
        place / "study.sqlite3", subject.space, subject.first, seed=order.seed, batch=order.batch
    )
    while questions := study.next_questions(order.trials):
        for question, measured in zip(questions, subject.measure(name, questions), strict=True):
            write_measured(_file(place, question), measured)
            study.answer(question, measured.loss)
            told(_line(question, measured))
    return Found([_variant(subject, name, place, one) for one in study.answered(order.trials)])


def _variant(
    subject: Subject[Options], name: str, place: Path, question: Question
) -> Variant[Options]:
    measured = read_measured(_file(place, question))
    if measured is None:
        (measured,) = subject.measure(name, [question])
        write_measured(_file(place, question), measured)
    return Variant(
        number=question.number,
        params=question.params,
        options=subject.options(question.params),
        folder=subject.folder(name, question.number),
        loss=measured.loss,
        measured=measured,
    )


def _name(subject: Subject[Options], order: SearchOrder) -> str:
    space = {name: repr(one) for name, one in subject.space.items()}
    content = [subject.record, space, dict(subject.first), order.seed, order.batch]
    return f"search-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def _file(place: Path, question: Question) -> Path:
    return place / f"{question.number:03d}.npz"


def _line(question: Question, measured: Measured) -> str:
    loss = "no loss: it diverged" if measured.loss is None else f"loss {measured.loss:.5f}"
    said = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in question.params.items()
    )
    return f"variant {question.number}: {loss} ({said})"
