"""Every model's leak alarms, on every part of the data. The limits: `predictions.promotion`."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from predictions.promotion.leak_alarms import leak_alarms as leak_alarms
from predictions.promotion.leak_alarms import signal_alarms as signal_alarms

Judged = TypeVar("Judged")


def every_alarm(
    walk_forward: Mapping[str, Judged],
    final: Mapping[str, Judged],
    alarms: Callable[[Judged], list[str]],
) -> tuple[str, ...]:
    """Name each model's alarms, and on which decisions they rang. Both mappings are by model."""
    return tuple(
        f"{name}, {where}: {alarm}"
        for where, judgements in (("walk-forward", walk_forward), ("final test", final))
        for name, judgement in judgements.items()
        for alarm in alarms(judgement)
    )
