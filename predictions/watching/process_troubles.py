"""What a heartbeat says that a person should act on, out of each process's own account.

Read by the alerts. A heartbeat is a text of another process: what is not as expected is passed by.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inference.artefacts.errors import told_path
from inference.vocabulary import REASON_TEXTS, REFUSED_FEATURES, Reason
from market.feed_state import FEED_DOWN
from predictions.watching.alert import Alert, Severity, names
from predictions.watching.heartbeats import WELL, Process, detail_of, needed

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

MOST_OVERDUE_SHARE = 0.05
"""Of what a model on trial should have answered lately."""

MOST_LATE_TICKS = 5
"""In five minutes, of 150: a pause now and then is no trouble."""

MOST_STALE_SHARE = 0.1
"""Of the forecasts of five minutes. A market that is started anew leaves some seconds of them."""

PATIENT = frozenset({"starting", "standby"})

TOLD_BY_MARKET = frozenset({Reason.FEED_DOWN, Reason.SYMBOL_HALTED, Reason.SYMBOL_DELISTED})
OF_FEATURES = REFUSED_FEATURES - TOLD_BY_MARKET
"""Reasons that stand in no alert of the market's own."""


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
    components = _mapping(detail_of(process).get("components"))
    refused = _mapping(_mapping(components.get("feature_quality")).get("refused"))
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
    recording = _mapping(detail.get("recording"))
    if problem := recording.get("problem"):
        yield Alert(
            "recording_failing",
            Severity.WARNING,
            "market",
            f"What is seen of the market is not recorded: {problem}.",
            "See whether var/recordings can be written to and the disk has room.",
        )


def _inference(detail: Mapping[str, Any]) -> Iterator[Alert]:
    components = _mapping(detail.get("components"))
    model = _mapping(components.get("model"))
    if model.get("status") == "missing":
        yield Alert(
            "model_missing",
            Severity.CRITICAL,
            "inference",
            "No forecaster could be loaded: a linear trend stands in for it.",
            "See the refused files on the Models page.",
        )
    yield from _refused("inference", model.get("refused"))
    yield from _late(_mapping(components.get("prediction_pipeline")))
    if _mapping(components.get("memory")).get("status") == "pressure":
        yield Alert(
            "memory_pressure",
            Severity.WARNING,
            "inference",
            "The forecast loop is near its limit of memory and drops its caches.",
            "Raise the limit, or forecast fewer symbols.",
        )
    quality = _mapping(components.get("feature_quality"))
    refused = _mapping(quality.get("refused"))
    yield from _without_features(refused)
    stale = quality.get("stale_feature_rate")
    lately = isinstance(stale, int | float) and stale > MOST_STALE_SHARE
    if lately and Reason.STALE_FEATURES not in refused:
        yield Alert(
            "stale_features",
            Severity.WARNING,
            "inference",
            f"{stale:.0%} of the forecasts of the last five minutes met features that were too "
            "old.",
            "See whether the market process keeps up with its feed.",
        )


def _late(pipeline: Mapping[str, Any]) -> Iterator[Alert]:
    counts = ((pipeline.get("missed_ticks"), "missed"), (pipeline.get("too_slow"), "too slow"))
    told = [
        f"{count} {words}"
        for count, words in counts
        if isinstance(count, int) and count > MOST_LATE_TICKS
    ]
    if told:
        yield Alert(
            "loop_late",
            Severity.WARNING,
            "inference",
            f"Of the forecast loop's ticks of the last five minutes {' and '.join(told)}.",
            "See what else takes this machine's time; too slow is above "
            "performance.max_inference_latency_ms.",
        )


def _without_features(refused: Mapping[str, Any]) -> Iterator[Alert]:
    told = [
        f"{names(symbols)} ({REASON_TEXTS[Reason(reason)]})"
        for reason, symbols in refused.items()
        if reason in OF_FEATURES and isinstance(symbols, list) and symbols
    ]
    if told:
        yield Alert(
            "features_refused",
            Severity.WARNING,
            "inference",
            f"No model forecast is made of {'; '.join(told)}.",
            "See whether the market process gets them. A replay carries its recording's symbols "
            "alone: then set FORECAST_SYMBOLS to what it has.",
        )


def _signals(detail: Mapping[str, Any]) -> Iterator[Alert]:
    for field, code, severity in (
        ("problem", "signals_stopped", Severity.CRITICAL),
        ("unheard", "candles_unheard", Severity.WARNING),
    ):
        if words := detail.get(field):
            yield Alert(code, severity, "signals", f"{words}", "The signals' log says more.")
    yield from _refused("signals", detail.get("refused"))
    rounds = _mapping(detail.get("timeframes"))
    mute = [
        str(name)
        for name, each in rounds.items()
        if _mapping(each).get("errors") and not _mapping(each).get("signals")
    ]
    if mute:
        yield Alert(
            "timeframes_mute",
            Severity.WARNING,
            "signals",
            f"No coin has a signal of the newest candle at {', '.join(mute)}.",
            "The Signals page gives each coin's reason; mostly candles have to be imported.",
        )


def _shadow(detail: Mapping[str, Any]) -> Iterator[Alert]:
    if error := detail.get("error"):
        yield Alert(
            "trials_unheard",
            Severity.WARNING,
            "shadow",
            f"Models on trial cannot follow the leader: {error}",
            "Remove that key; the loop makes it anew.",
        )
    versions = detail.get("versions")
    for each in versions if isinstance(versions, list) else ():
        if isinstance(each, Mapping):
            yield from _on_trial(each)


def _on_trial(version: Mapping[str, Any]) -> Iterator[Alert]:
    name = f"{version.get('version')} ({version.get('slot')})"
    overdue = version.get("overdue_share")
    if version.get("code"):
        yield Alert(
            "trial_refused",
            Severity.WARNING,
            "shadow",
            f"{name} is on trial and says nothing: {version.get('message')}",
            "The others go on. Mend its files, or end its trial (manage.py trial --end).",
        )
    elif isinstance(overdue, int | float) and overdue > MOST_OVERDUE_SHARE:
        yield Alert(
            "trial_behind",
            Severity.WARNING,
            "shadow",
            f"{name} is on trial and missed {overdue:.0%} of what it should have answered lately.",
            "See what takes this machine's time; decisions that it missed are not compared.",
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
    if error := _mapping(detail.get("spot_check")).get("error"):
        yield Alert(
            "ledger_broken",
            Severity.CRITICAL,
            "recorder",
            f"The ledger is not what was signed: {error}.",
            "Run manage.py verify_ledger, which names what was altered; then start the recorder "
            "anew.",
        )
    if error := _mapping(detail.get("checkpoints")).get("error"):
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


def _retrain(detail: Mapping[str, Any]) -> Iterator[Alert]:
    failed = detail.get("failed")
    for each in failed if isinstance(failed, list) else ():
        if isinstance(each, Mapping):
            yield Alert(
                "retraining_failed",
                Severity.WARNING,
                "retrain",
                f"{each.get('slot')} could not be trained anew: {each.get('message')}",
                "What serves goes on. This ends with the slot's next run; see the Models page.",
            )
    if not failed and (child := detail.get("child")):
        yield Alert(
            "retraining_failed",
            Severity.WARNING,
            "retrain",
            f"Retraining ended in an error: manage.py {child}.",
            "The log of the retrain process says why; it is tried again.",
        )


TROUBLES = {
    "market": _market,
    "inference": _inference,
    "signals": _signals,
    "shadow": _shadow,
    "recorder": _recorder,
    "alerts": _alerts,
    "mqtt": _mqtt,
    "retrain": _retrain,
}


def _refused(name: str, refused: object) -> Iterator[Alert]:
    for each in refused if isinstance(refused, list) else ():
        if isinstance(each, Mapping):
            path = str(each.get("path", ""))
            message = str(each.get("message", "")).replace(path, told_path(Path(path)))
            yield Alert(
                str(each.get("code") or "artefact_refused"),
                Severity.WARNING,
                name,
                f"A model's file is not served: {message}",
                "The last good one goes on. Mend or remove the file; see the Models page.",
            )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
