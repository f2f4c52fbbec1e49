"""What `manage.py retrain` was asked for, checked, and carried out; the command's whole way."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
from django.conf import settings

from inference.artefacts.versions import SLOTS, Slot
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import parse_timeframe
from market.symbols import parse_symbol
from predictions.models.retraining import RunState, RunStep, TrainingRun, Trigger
from training.devices import known_device
from training.pipeline.engines import Engine
from training.pipeline.forecasts import ForecastEngine
from training.pipeline.locking import alone
from training.pipeline.orders import SlotOrder
from training.pipeline.running import resume, retrain
from training.pipeline.shipping import ship_all
from training.pipeline.signals import SignalEngine
from training.signals.orders import OrderError, at_least, cluster_address

ENGINES = {"forecaster": FORECASTS, "signals": SIGNALS}
Told = Callable[[str], None]


def carry_out(options: Mapping[str, Any], told: Told) -> list[str]:
    """Do what the options ask for; return what went wrong with which slot.

    Raises OrderError, DeviceError, UnknownTimeframeError, UnknownSymbolError, or
    RetrainingBusyError.
    """
    if options["resume"]:
        jobs, cluster = _jobs(options["jobs"]), cluster_address(options["cluster"])
        with alone():
            rows = resume(engine_of, told, jobs=jobs, cluster=cluster)
            if not rows:
                told("nothing is unfinished, and no trial is over")
            return _troubles(rows)
    orders, trigger = orders_of(options), Trigger(options["trigger"])
    if options["ship"] is not None:
        with alone():
            ship_all(orders, engine_of, options["ship"], told)
        return []
    with alone():
        if options["since"] is not None:
            begun = _begun_since(trigger, _moment(options["since"]))
            orders = {slot: order for slot, order in orders.items() if str(slot) not in begun}
        rows = retrain(
            orders,
            engine_of,
            told,
            trigger=trigger,
            causes=dict.fromkeys(orders, options["cause"]),
        )
    return _troubles(rows)


def engine_of(slot: Slot) -> Engine:
    """Return what trains a slot."""
    return ForecastEngine() if slot.timeframe is None else SignalEngine(slot)


def orders_of(options: Mapping[str, Any]) -> dict[Slot, SlotOrder]:
    """Read a command's options. Raises OrderError, DeviceError and what reads names raises."""
    named = [parse_timeframe(one) for one in options["timeframe"] or ()]
    only = ENGINES.get(options["only"] or "")
    slots = [
        slot
        for slot in SLOTS
        if (only is None or slot.engine == only)
        and (not named or slot.timeframe is None or slot.timeframe in named)
    ]
    if named and only is None:
        slots = [slot for slot in slots if slot.timeframe is not None]
    symbols = _symbols(options["symbols"])
    return {slot: _order(slot, symbols, options) for slot in slots}


def _order(slot: Slot, symbols: tuple[str, ...], options: Mapping[str, Any]) -> SlotOrder:
    forecasts = slot.engine == FORECASTS
    if slot.engine == SIGNALS:
        _known(symbols, settings.SIGNAL_SYMBOLS)
    epochs = options["epochs"]
    daily = options["daily"] if slot.timeframe == "1d" else None
    recordings = options["recordings"] or () if forecasts else ()
    return SlotOrder(
        symbols=symbols,
        recordings=tuple(_absolute(path) or "" for path in recordings),
        candles=None if forecasts else _absolute(options["candles"]),
        daily=_absolute(daily),
        seed=at_least(0, "--seed", options["seed"]),
        device=known_device(options["device"]),
        epochs=None if epochs is None else at_least(1, "--epochs", epochs),
        trials=at_least(1, "--trials", options["trials"]),
        jobs=_jobs(options["jobs"]) or joblib.cpu_count(),
        cluster=cluster_address(options["cluster"]),
    )


def _begun_since(trigger: Trigger, since: datetime) -> set[str]:
    rows = TrainingRun.objects.filter(trigger=trigger, started_at__gte=since)
    unended = rows.exclude(state=RunState.RUNNING)
    return set(unended.values_list("slot", flat=True))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OrderError(f"--since {text!r} is no time; write it like 2026-01-04T00:30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _jobs(given: int | None) -> int | None:
    return None if given is None else at_least(1, "--jobs", given)


def _troubles(rows: Sequence[TrainingRun]) -> list[str]:
    failed = [row for row in rows if row.state == RunState.FAILED]
    stuck = [row for row in rows if row.state == RunState.RUNNING and row.step != RunStep.SHADOW]
    return [f"{row.slot}: {row.message}" for row in (*failed, *stuck)]


def _symbols(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parse_symbol(one) for one in (text or "").split(",") if one.strip()))


def _known(symbols: Sequence[str], known: Sequence[str]) -> None:
    strangers = [one for one in symbols if one not in known]
    if strangers:
        raise OrderError(
            f"--symbols: {', '.join(strangers)} is not in SIGNAL_SYMBOLS; allowed are"
            f" {', '.join(known)}, or --only forecaster"
        )


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
