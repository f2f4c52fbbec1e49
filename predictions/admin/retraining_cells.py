"""What cells about versions and their training show: a state, and ways to the rows around it.

Read by the tables of `versions` and `training`.
"""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.safestring import SafeString

from predictions.admin.marks import BAD, EVEN, GOOD, link, mark
from predictions.models.retraining import Action, RunState, VersionState

_STATES = {
    VersionState.CHAMPION: GOOD,
    VersionState.REJECTED: BAD,
    RunState.PROMOTED: GOOD,
    RunState.REJECTED: BAD,
    RunState.FAILED: BAD,
    Action.PROMOTE: GOOD,
    Action.ROLLBACK: BAD,
    Action.REJECT: BAD,
}


def state_mark(state: str, word: str) -> SafeString:
    """Return a state's mark: what serves is good, what ended badly is bad."""
    known: dict[str, str] = {each.value: kind for each, kind in _STATES.items()}
    return mark(known.get(state, EVEN), word)


def rows_link(model: type[Model], text: str, **query: Any) -> SafeString:
    """Return a link to the list of a model's rows that a query finds."""
    name = f"admin:predictions_{model._meta.model_name}_changelist"
    return link(f"{reverse(name)}?{urlencode(query)}", text)


def row_link(row: Model | None, text: str) -> SafeString | None:
    """Return a link to one row; None where there is none."""
    if row is None:
        return None
    return link(reverse(f"admin:predictions_{row._meta.model_name}_change", args=(row.pk,)), text)


def models_link(slot: str) -> SafeString:
    """Return a link to a slot's part of the Models page."""
    return link(f"{reverse('dashboard:models')}?{urlencode({'slot': slot})}", "models")
