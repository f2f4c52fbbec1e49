"""What a run found, as rows: its variants and its verdicts."""

from collections.abc import Sequence
from typing import Any

import msgspec

from predictions.models.retraining import (
    GateVerdict,
    ModelVersion,
    TrainingRun,
    TrainingTrial,
)
from predictions.promotion.criteria import Verdict, to_records
from training.pipeline.engines import Tried

MOST_MODEL = 64


def write_trials(row: TrainingRun, tried: Sequence[Tried]) -> None:
    """Replace a run's variants; done again after a kill, it gives the same rows."""
    row.trial_rows.all().delete()
    TrainingTrial.objects.bulk_create(
        TrainingTrial(
            run=row,
            number=number,
            model=one.model[:MOST_MODEL],
            params=plain(one.params),
            data_digest=row.data_digest,
            loss=one.loss,
            metrics=plain(one.metrics),
            chosen=one.chosen,
        )
        for number, one in enumerate(tried, 1)
    )


def write_verdict(row: TrainingRun, verdict: Verdict, version: ModelVersion | None) -> GateVerdict:
    """Keep a verdict of a run, once. version: None where what was judged is not one yet."""
    kept, _ = GateVerdict.objects.get_or_create(
        run=row,
        stage=verdict.stage.value,
        against=verdict.against,
        challenger=verdict.challenger,
        defaults={
            "version": version,
            "criteria": plain(to_records(verdict.criteria)),
            "passed": verdict.passed,
            "n": verdict.n,
            "n_eff": verdict.n_eff,
        },
    )
    return kept


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: what is not finite is null, numpy's numbers are plain."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_builtin))


def _builtin(value: object) -> object:
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"a row cannot hold a {type(value).__name__}")
    return item()
