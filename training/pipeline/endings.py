"""How a run ends: with its trial, where nobody would decide on that any more, its row, its folder.

Free of training's libraries: a person may drop a run where none are installed.
"""

from django.utils import timezone

from inference.artefacts.versions import parse_slot
from predictions.models.retraining import RunState, TrainingRun, VersionState
from predictions.promotion.standing import Automatic, retire
from training.pipeline.run_folder import RunFolder

UNDECIDED = (RunState.FAILED, RunState.DROPPED)
"""Ends without a verdict: what was made until then is on trial, and being judged, no more."""


def end(
    row: TrainingRun,
    state: RunState,
    message: str,
    *,
    by: str = Automatic.RETRAINING,
    why: str = "",
) -> None:
    """End a run. by, why: what the log of promotions says of its trial; by default the message.

    Killed on the way, it is done again by who goes on with the run. Raises StandingError.
    """
    if state in UNDECIDED:
        _retire(row, by, why or message)
    row.state, row.message, row.ended_at = state, message, timezone.now()
    row.save()
    RunFolder(row.pk).remove()


def _retire(row: TrainingRun, by: str, why: str) -> None:
    version = row.version
    if version is None:
        return
    version.refresh_from_db()
    if version.state in (VersionState.CANDIDATE, VersionState.SHADOW):
        retire(parse_slot(row.slot), version.version, by=by, why=why)
