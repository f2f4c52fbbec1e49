"""What a heartbeat says that a person should act on, out of each process's own account.

Read by the alerts. A heartbeat is a text of another process: what is not as expected is passed by.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from inference.vocabulary import Reason
from market.feed_state import FEED_DOWN
from predictions.watching.alert import Alert, Severity
from predictions.watching.heartbeats import WELL, Process, detail_of, mapping_of, needed
from predictions.watching.loop_troubles import forecast_loop, signal_loop
from predictions.watching.trial_troubles import retraining, shadows

WITHOUT = {
    "market": "no prices come, and forecasts stand still.",
    "inference": "no forecasts are made.",
    "signals": "no signals are made.",
    "shadow": "models on trial say nothing, so their trial lacks these decisions.",
    "recorder": "what is said waits in Redis, and nothing is graded.",
    "alerts": "nobody is told of what is wrong, and no webhook is sent.",
    "mqtt": "bots get nothing from the broker.",
    "retrain": "no model is trained anew, and no trial is decided.",
}
"""What is lacking while a process is silent."""

SPARED = frozenset({"shadow"})
"""Without these all that is published goes on: a person has time."""

PATIENT = frozenset({"starting", "standby"})


def process_troubles(processes: Mapping[str, Process]) -> Iterator[Alert]:
    """Yield what is wrong with each process: silent, degraded, or telling of a trouble."""
    for name in needed():
        process = processes[name]
        status = process["status"]
        if status == "unknown":
            continue
        if status == "down":
            yield Alert(
                "process_down",
                Severity.WARNING if name in SPARED else Severity.CRITICAL,
                name,
                f"The {name} process is silent: {WITHOUT[name]}",
                "The supervisor starts it anew; its log says why it ended.",
            )
            continue
        told = list(TROUBLES[name](detail_of(process)))
        yield from told
        if status not in WELL and not told and not _waits_for_exchange(process):
            yield _of_status(name, str(status))


def _waits_for_exchange(process: Process) -> bool:
    # One alert of the market's says it, not one of each process that lacks its prices.
    components = mapping_of(detail_of(process).get("components"))
    refused = mapping_of(mapping_of(components.get("feature_quality")).get("refused"))
    return process["status"] == FEED_DOWN or Reason.FEED_DOWN in refused


def _of_status(name: str, status: str) -> Alert:
    waits = status in PATIENT
    bad = Severity.CRITICAL if status == "unhealthy" else Severity.WARNING
    return Alert(
        f"process_{status}" if waits else "process_degraded",
        Severity.INFO if waits else bad,
        name,
        f"The {name} process says that it is {status}.",
        "It goes on by itself." if waits else "The System page and its log say more.",
    )


def _market(detail: Mapping[str, Any]) -> Iterator[Alert]:
    recording = mapping_of(detail.get("recording"))
    if problem := recording.get("problem"):
        yield Alert(
            "recording_failing",
            Severity.WARNING,
            "market",
            f"What is seen of the market is not recorded: {problem}.",
            "See whether var/recordings can be written to and the disk has room.",
        )


def _recorder(detail: Mapping[str, Any]) -> Iterator[Alert]:
    if error := detail.get("error"):
        yield Alert(
            "recorder_troubled",
            Severity.WARNING,
            "recorder",
            f"{error}",
            "The recorder's log says more.",
        )
    if error := mapping_of(detail.get("spot_check")).get("error"):
        yield Alert(
            "ledger_broken",
            Severity.CRITICAL,
            "recorder",
            f"The ledger is not what was signed: {error}.",
            "Run manage.py verify_ledger, which names what was altered; then start the recorder "
            "anew.",
        )
    if error := mapping_of(detail.get("checkpoints")).get("error"):
        yield Alert(
            "checkpoint_refused",
            Severity.WARNING,
            "recorder",
            f"No checkpoint can be signed: {error}",
            "See Checking the ledger in docs/operations.md.",
        )


def _alerts(detail: Mapping[str, Any]) -> Iterator[Alert]:
    dead = detail.get("dead")
    if isinstance(dead, int) and dead > 0:
        yield Alert(
            "messages_dead",
            Severity.WARNING,
            "alerts",
            f"Within a day {dead} messages to people or bots could not be delivered in time.",
            "The admin's list of deliveries says why, and can send them again.",
        )


def _mqtt(detail: Mapping[str, Any]) -> Iterator[Alert]:
    if error := detail.get("error"):
        yield Alert(
            "broker_away",
            Severity.WARNING,
            "mqtt",
            f"Bots get nothing from the broker: {error}",
            "See whether the broker of MQTT_URL runs; what is published goes on by itself.",
        )


TROUBLES = {
    "market": _market,
    "inference": forecast_loop,
    "signals": signal_loop,
    "shadow": shadows,
    "recorder": _recorder,
    "alerts": _alerts,
    "mqtt": _mqtt,
    "retrain": retraining,
}
