"""When models are trained anew next, as the process `retrain` says. Read by `/api/models`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from predictions.cards.figures import number_of
from predictions.cards.trials import Told, told_moment


def retraining_report(status: str | None, detail: Mapping[str, Any]) -> Told:
    """Return how retraining stands, from its heartbeat. status: None where Redis is away."""
    return {
        "status": status,
        "schedule": str(detail.get("schedule") or settings.RETRAIN_SCHEDULE),
        "next_due": told_moment(number_of(detail.get("next_due_ms"))),
        "why": _text(detail.get("why")) or _text(detail.get("error")),
        "doing": _text(detail.get("doing")),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
