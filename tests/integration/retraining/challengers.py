"""Runs of the retraining and their challengers, as the tests of its steps begin with them."""

from typing import Any

import numpy as np

from inference.artefacts.versions import SLOTS, Slot, VersionStore
from predictions.models.retraining import Origin, RunState, RunStep, TrainingRun, Trigger
from predictions.promotion import standing
from tests.integration.versions_ledger import VENUE, say_forecasts
from tests.model_versions import add_version
from tests.shipped import SHIPPED
from training.pipeline.engines import Engine
from training.pipeline.forecasts import ForecastEngine
from training.pipeline.orders import SlotOrder
from training.pipeline.running import resume, retrain

SLOT = SLOTS[0]
HOUR = SLOTS[2]
ORDER = SlotOrder(epochs=2)
TICKS = 1_200
TRIAL_DAYS = 0.05


class KilledError(BaseException):
    """As SIGKILL: no handler of the product's sees it."""


class Quick(ForecastEngine):
    """The product's engine, which a short ledger contents."""

    least_in_shadow = 200.0


def quiet(_: str) -> None:
    """Hear nothing."""


def asked(engine: Engine, **how: Any) -> TrainingRun:
    (row,) = retrain({SLOT: ORDER}, lambda slot: engine, quiet, **how)
    return row


def gone_on(engine: Engine | None = None) -> None:
    resume(lambda slot: engine or Quick(), quiet)


def broken_off(store: VersionStore, step: RunStep, slot: Slot = SLOT) -> TrainingRun:
    """Return a run that has a challenger and stopped before a step; nothing was trained for it."""
    row = standing.register(slot, add_version(store, slot, "v9"), origin=Origin.TRAINED)
    return TrainingRun.objects.create(
        slot=str(slot),
        trigger=Trigger.HAND,
        state=RunState.RUNNING,
        step=step,
        options=ORDER.to_record(),
        venue=VENUE,
        version=row,
    )


def on_trial(store: VersionStore, slot: Slot = SLOT) -> TrainingRun:
    """Return a run whose challenger came on trial as the clock stands."""
    run = broken_off(store, RunStep.SHADOW, slot)
    gone_on()
    run.refresh_from_db()
    assert run.state == RunState.ON_TRIAL
    return run


def say(challenger: str, *, skill: float, ticks: int = TICKS, venue: str = VENUE) -> None:
    """Let what is shipped say nothing, the challenger a share of what can be told; grade both."""
    random = np.random.default_rng(3)
    told, silent, own = (random.normal(size=(3, ticks, 1)).T * (0.45, 0.01, 0.01)).T
    came = told + random.normal(size=(ticks, 1)) * 1.8
    answers = {SHIPPED: silent, challenger: skill * told + own}
    third = ticks // 3
    for first in range(0, ticks, third):  # of calm, of usual and of wild times
        rows = slice(first, first + third)
        said = {version: moves[rows] for version, moves in answers.items()}
        say_forecasts(
            said,
            came[rows],
            symbols=("BTCUSDT",),
            champion=SHIPPED,
            first=first,
            sigma_bp=1.0 + first / ticks,
            venue=venue,
        )
