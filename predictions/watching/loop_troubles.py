"""What the loops that publish say of themselves that a person should act on.

Read by `process_troubles`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inference.artefacts.errors import told_path
from inference.vocabulary import REASON_TEXTS, REFUSED_FEATURES, Reason
from predictions.watching.alert import Alert, Severity, names
from predictions.watching.heartbeats import mapping_of

MOST_LATE_TICKS = 5
"""In five minutes, of 150: a pause now and then is no trouble."""

MOST_STALE_SHARE = 0.1
"""Of the forecasts of five minutes. A market that is started anew leaves some seconds of them."""

TOLD_BY_MARKET = frozenset({Reason.FEED_DOWN, Reason.SYMBOL_HALTED, Reason.SYMBOL_DELISTED})
OF_FEATURES = REFUSED_FEATURES - TOLD_BY_MARKET
"""Reasons that stand in no alert of the market's own."""


def forecast_loop(detail: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield what is wrong by the forecast loop's own account."""
    components = mapping_of(detail.get("components"))
    model = mapping_of(components.get("model"))
    if model.get("status") == "missing":
        yield Alert(
            "model_missing",
            Severity.CRITICAL,
            "inference",
            "No forecaster could be loaded: a linear trend stands in for it.",
            "See the refused files on the Models page.",
        )
    yield from _refused("inference", model.get("refused"))
    yield from _late(mapping_of(components.get("prediction_pipeline")))
    if mapping_of(components.get("memory")).get("status") == "pressure":
        yield Alert(
            "memory_pressure",
            Severity.WARNING,
            "inference",
            "The forecast loop is near its limit of memory and drops its caches.",
            "Raise the limit, or forecast fewer symbols.",
        )
    quality = mapping_of(components.get("feature_quality"))
    refused = mapping_of(quality.get("refused"))
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


def signal_loop(detail: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield what is wrong by the signal loop's own account."""
    for field, code, severity in (
        ("problem", "signals_stopped", Severity.CRITICAL),
        ("unheard", "candles_unheard", Severity.WARNING),
    ):
        if words := detail.get(field):
            yield Alert(code, severity, "signals", f"{words}", "The signals' log says more.")
    yield from _refused("signals", detail.get("refused"))
    rounds = mapping_of(detail.get("timeframes"))
    mute = [
        str(name)
        for name, each in rounds.items()
        if mapping_of(each).get("errors") and not mapping_of(each).get("signals")
    ]
    if mute:
        yield Alert(
            "timeframes_mute",
            Severity.WARNING,
            "signals",
            f"No coin has a signal of the newest candle at {', '.join(mute)}.",
            "The Signals page gives each coin's reason; mostly candles have to be imported.",
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
