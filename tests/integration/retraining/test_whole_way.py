"""The whole way of a challenger: from a recording to what serves, killed and gone on with."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from pytest_django import Settings

from inference.artefacts.versions import VersionStore
from predictions.models.retraining import Action, Promotion, RunState, RunStep, TrainingRun
from predictions.promotion import standing
from predictions.promotion.criteria import Stage, Verdict
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.retraining.challengers import (
    SLOT,
    TRIAL_DAYS,
    KilledError,
    Quick,
    asked,
    gone_on,
    say,
)
from tests.integration.versions_ledger import VENUE
from tests.made_recordings import write_recording
from tests.shipped import SHIPPED
from training.pipeline.engines import Found, Judged, Learned, Made
from training.pipeline.trials import DAY_MS
from training.shadow_gate import Undecided

pytestmark = pytest.mark.django_db


Came = TypeVar("Came")


class Dying(Quick):
    """Dies once behind each step's work, before anything of it is noted. came: what that was."""

    def __init__(self) -> None:
        self.came: dict[str, Any] = {}

    def _once(self, step: str, came: Came) -> Came:
        if step not in self.came:
            self.came[step] = came
            raise KilledError
        return came

    def learn(self, *given: Any) -> Learned:
        return self._once("learn", super().learn(*given))

    def walk_forward(self, *given: Any) -> Found:
        return self._once("walk_forward", super().walk_forward(*given))

    def challenger(self, *given: Any) -> Made:
        return self._once("challenger", super().challenger(*given))

    def against_champion(self, *given: Any) -> Judged:
        return self._once("against_champion", super().against_champion(*given))

    def in_shadow(self, *given: Any) -> Verdict | Undecided:
        return self._once("in_shadow", super().in_shadow(*given))


def test_challenger_that_is_better_comes_to_serve_though_it_is_killed_at_every_step(
    store: VersionStore, at: Callable[[float], None], settings: Settings
) -> None:
    write_recording(settings.RECORDINGS_DIR, minutes=120, venue=VENUE)
    at(FIRST_TICK_MS)
    engine = Dying()
    for _ in range(4):
        with pytest.raises(KilledError):
            asked(engine)
    run = asked(engine)

    assert TrainingRun.objects.count() == 1
    assert (run.state, run.step) == (RunState.ON_TRIAL, RunStep.SHADOW)
    assert run.version is not None
    version = run.version.version
    assert version == engine.came["challenger"].version
    assert run.data_digest == engine.came["learn"].digest
    assert (run.venue, run.symbols) == (VENUE, ["BTCUSDT"])
    tried = {trial.model: trial.loss for trial in run.trial_rows.all()}
    assert tried == {one.model: one.loss for one in engine.came["walk_forward"].tried}
    assert run.verdicts.get(stage=Stage.OUT_OF_SAMPLE, version=run.version).passed
    assert list(store.shadows(SLOT)) == [version]
    assert standing.champion_version(SLOT) == SHIPPED

    say(version, skill=1.0)
    gone_on()
    assert store.champion(SLOT) is None  # its time is not over, and nobody looks before

    at(FIRST_TICK_MS + TRIAL_DAYS * DAY_MS + 1)
    with pytest.raises(KilledError):
        gone_on(engine)
    gone_on(engine)

    run.refresh_from_db()
    assert (run.state, run.step) == (RunState.PROMOTED, RunStep.PROMOTION)
    assert run.verdicts.get(stage=Stage.SHADOW).passed
    assert standing.champion_version(SLOT) == store.champion(SLOT) == version
    assert list(store.shadows(SLOT)) == [SHIPPED]  # to go back to
    promoted = Promotion.objects.get(action=Action.PROMOTE)
    assert (promoted.by, promoted.before) == (standing.Automatic.RETRAINING, SHIPPED)
    assert "R² gained on it" in promoted.figures

    again = asked(Quick())
    assert (again.state, again.version) == (RunState.UNCHANGED, None)
    assert version in again.message
