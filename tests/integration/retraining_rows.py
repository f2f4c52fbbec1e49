"""Rows of a slot's life, for tests of what shows them: versions, runs, verdicts, deeds, drift.

Told as it may go: a champion by promotion, a challenger on trial, one run that failed its gate.
"""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from predictions.models import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    RollbackWatch,
    TrainingRun,
    TrainingTrial,
)
from predictions.promotion.criteria import Criterion, Stage, to_records
from tests.shipped import SHIPPED

FORECASTS = "forecasts"
VENUE = "simulated"
CHALLENGER = "network-20261101-ab12cd34"
REJECTED = "network-20261025-0badcafe"
BOUNDS = (
    Criterion("R² gained on the champion", 0.0031, ">= 0.002", True),
    Criterion("Diebold-Mariano p against the champion", 0.004, "< 0.01", True),
    Criterion("coverage of the 90 % interval", None, "0.88 to 0.92", False),
)
UNTIL_MS = 1_800_000_000_000
MEASURED = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)


def version(
    name: str, state: str, slot: str = FORECASTS, origin: str = "trained", days_ago: float = 2
) -> ModelVersion:
    """Return a version that came into its state some days ago."""
    return ModelVersion.objects.create(
        slot=slot,
        version=name,
        origin=origin,
        state=state,
        since=timezone.now() - timedelta(days=days_ago),
        architecture="linear + MLP residual",
        digest="ab" * 32,
        data_digest="cd" * 32,
        venue=VENUE,
        span_from=1_700_000_000_000,
        span_to=1_700_600_000_000,
    )


def life(slot: str = FORECASTS) -> TrainingRun:
    """Fill a slot with a challenger on trial, a rejected one, deeds and drift; return the newest
    run."""
    rejected = version(REJECTED, "rejected", slot, days_ago=9)
    failed = run(slot, rejected, "rejected", "gate", message="rejected: coverage is unknown")
    verdict(failed, rejected, BOUNDS)
    deed(slot, "reject", REJECTED, by="retraining", why="coverage is unknown")
    challenger = version(CHALLENGER, "shadow", slot)
    newest = run(slot, challenger, "on_trial", "shadow", trigger="drift", cause="spread_bp drifted")
    newest.metrics["trial"] = {"venue": VENUE, "from_ms": 0, "until_ms": UNTIL_MS, "days": 7.0}
    newest.save()
    verdict(newest, challenger, BOUNDS[:2])
    begun = deed(slot, "trial", CHALLENGER, by="retraining", why="it passed the first gate")
    watch(begun)
    for name, value, drifted in (("spread_bp", 0.31, True), ("ret_1s", 0.02, False)):
        reading(slot, "feature", name, value, drifted)
    reading(slot, "feature", "spread_bp", 0.5, True, symbol="ETHUSDT")
    reading(slot, "feature", "ret_1s", 0.03, False, symbol="ETHUSDT")
    reading(slot, "loss", "squared error", None, None)
    return newest


def run(
    slot: str, of: ModelVersion | None, state: str, step: str, *, trials: int = 3, **named: str
) -> TrainingRun:
    """Return a run and the variants that it tried; the last of them failed."""
    made = TrainingRun.objects.create(
        slot=slot,
        state=state,
        step=step,
        symbols=["BTCUSDT"],
        source="var/recordings/20261101",
        venue=VENUE,
        data_digest="cd" * 32,
        options={"trials": trials},
        metrics={"rows": 1_000, "broken": float(2**60)},
        trials=trials,
        version=of,
        **{"trigger": "schedule", **named},
    )
    TrainingTrial.objects.bulk_create(
        TrainingTrial(
            run=made,
            number=number,
            model="network" if number else "ridge",
            params={"hidden": 16 * number},
            data_digest="cd" * 32,
            loss=None if number == trials - 1 else 1.5 - number / 10,
            metrics={"why": "diverged"} if number == trials - 1 else {"r2": 0.01},
            chosen=number == trials - 2,
        )
        for number in range(trials)
    )
    return made


def verdict(
    of_run: TrainingRun | None,
    of: ModelVersion,
    criteria: tuple[Criterion, ...],
    stage: Stage = Stage.OUT_OF_SAMPLE,
) -> GateVerdict:
    """Return a judgement of a version, by these criteria."""
    return GateVerdict.objects.create(
        version=of,
        run=of_run,
        stage=stage.value,
        challenger=of.version,
        against=SHIPPED,
        criteria=to_records(criteria),
        passed=all(each.passed for each in criteria),
        n=12_000,
        n_eff=410.5,
    )


def deed(slot: str, action: str, of: str, *, by: str, why: str, before: str = "") -> Promotion:
    """Return one thing that was done to a slot."""
    return Promotion.objects.create(
        slot=slot, action=action, version=of, before=before, by=by, why=why, figures={"n": 12_000}
    )


def watch(reign: Promotion) -> RollbackWatch:
    """Return how a champion stands against its rival since a promotion."""
    return RollbackWatch.objects.create(
        slot=reign.slot,
        reign=reign,
        version=reign.version,
        venue=VENUE,
        live=False,
        rival="v0",
        through_ms=UNTIL_MS,
        bets={},
        e_value=2.5,
        highest=3.0,
        difference=0.01,
        blocks=400,
        decisions=4_000,
    )


def reading(
    slot: str, kind: str, name: str, value: float | None, drifted: bool | None, symbol: str = ""
) -> DriftReading:
    """Return one drift reading; symbol "" is the slot as a whole."""
    feature = kind == "feature"
    return DriftReading.objects.create(
        slot=slot,
        venue=VENUE,
        symbol=symbol,
        version=SHIPPED,
        kind=kind,
        name=name,
        value=value,
        effect=0.2 if feature else None,
        reference=None if feature else 0.1,
        bound=0.25 if feature else None,
        against="training" if feature else "",
        drifted=drifted,
        n=5_000,
        n_eff=420.5,
        measured_at=MEASURED,
    )
