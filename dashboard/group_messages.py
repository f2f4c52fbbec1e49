"""What the loops send to the hub's group: fields checked before anything is believed.

Read by the hub and by what it hands on: ticks of forecasts, batches of signals.
"""

from collections.abc import Mapping
from typing import Any


class GroupMessageError(ValueError):
    """A group message cannot be read. The hub counts and drops it."""


def read_fields(
    what: str, message: Mapping[str, object], kinds: Mapping[str, type]
) -> dict[str, Any]:
    """Return the fields of `kinds`. Raises GroupMessageError naming the field that is wrong."""
    fields: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = message.get(name)
        if not isinstance(value, kind):
            raise GroupMessageError(f"{what} message: {name} is {value!r:.80}, not {kind.__name__}")
        fields[name] = value
    return fields
