"""What `manage.py retrain` was asked for, checked, and carried out; the command's whole way."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import joblib
import msgspec
from django.conf import settings

from inference.artefacts.versions import SLOTS, Slot
from market.candles.timeframes import parse_timeframe
from market.symbols import parse_symbol
from predictions.models.retraining import RunState, RunStep, TrainingRun, Trigger
from training.devices import known_device
from training.options import DEVICES
from training.pipeline.engines import Engine
from training.pipeline.forecasts import ForecastEngine
from training.pipeline.given_files import (
    given_candles,
    given_daily,
    given_recordings,
)
from training.pipeline.locking import alone
from training.pipeline.modes import ENGINES
from training.pipeline.orders import SlotOrder
from training.pipeline.running import resume, retrain
from training.pipeline.shipping import ship_all
from training.pipeline.signals import SignalEngine
from training.signals.building import DAILY_SYMBOL
from training.signals.orders import OrderError, at_least, cluster_address, output_folder
from training.workplace import require_cluster

LEAST = {"seed": 0, "epochs": 1, "trials": 1}
Told = Callable[[str], None]


def carry_out(options: Mapping[str, Any], told: Told) -> list[str]:
    """Do what the options ask for; return what went wrong with which slot.

    Raises OrderError, DeviceError, UnknownTimeframeError, UnknownSymbolError,
    WorkplaceAwayError where a cluster that is named is not there, or RetrainingBusyError.
    """
    cluster = cluster_address(options["cluster"])
    if options["resume"]:
        jobs = _jobs(options["jobs"])
        _require(cluster)
        with alone():
            rows = resume(engine_of, told, jobs=jobs, cluster=cluster)
            if not rows:
                told("nothing is unfinished, and no trial is over")
            return _troubles(rows)
    orders, trigger = orders_of(options), Trigger(options["trigger"] or Trigger.HAND)
    since = None if options["since"] is None else _moment(options["since"])
    _require(cluster)
    if options["ship"] is not None:
        output = output_folder("--ship", options["ship"])
        with alone():
            ship_all(orders, engine_of, output, told)
        return []
    with alone():
        if since is not None:
            begun = _begun_since(trigger, since)
            orders = {slot: order for slot, order in orders.items() if str(slot) not in begun}
        rows = retrain(
            orders,
            engine_of,
            told,
            trigger=trigger,
            causes=dict.fromkeys(orders, options["cause"] or ""),
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
    return msgspec.structs.replace(
        _of_data(slot, symbols, options),
        **{
            name: at_least(least, f"--{name}", options[name])
            for name, least in LEAST.items()
            if options[name] is not None
        },
        device=known_device(options["device"] or DEVICES[0]),
        jobs=_jobs(options["jobs"]) or joblib.cpu_count(),
        cluster=cluster_address(options["cluster"]),
    )


def _of_data(slot: Slot, symbols: tuple[str, ...], options: Mapping[str, Any]) -> SlotOrder:
    if slot.timeframe is None:
        recordings = given_recordings(options["recordings"] or ())
        return SlotOrder(symbols=symbols, recordings=recordings)
    _known(symbols, settings.SIGNAL_SYMBOLS)
    daily = given_daily(options["daily"], slot.timeframe)
    if daily is not None and symbols and DAILY_SYMBOL not in symbols:
        raise OrderError(f"--daily holds candles of {DAILY_SYMBOL}, which --symbols leaves out")
    candles = given_candles(options["candles"], slot.timeframe)
    return SlotOrder(symbols=symbols, candles=candles, daily=daily)


def _begun_since(trigger: Trigger, since: datetime) -> set[str]:
    rows = TrainingRun.objects.filter(trigger=trigger, started_at__gte=since)
    unended = rows.exclude(state=RunState.RUNNING)
    return set(unended.values_list("slot", flat=True))


def _require(cluster: str | None) -> None:
    # Asked before a run is begun, which would wait for the cluster.
    if cluster is not None:
        require_cluster(cluster)


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
    if text is None:
        return ()
    named = tuple(dict.fromkeys(parse_symbol(one) for one in text.split(",") if one.strip()))
    if not named:
        raise OrderError(f"--symbols {text!r} names no symbol; write it like BTCUSDT,ETHUSDT")
    return named


def _known(symbols: Sequence[str], known: Sequence[str]) -> None:
    strangers = [one for one in symbols if one not in known]
    if strangers:
        raise OrderError(
            f"--symbols: {', '.join(strangers)} is not in SIGNAL_SYMBOLS; allowed are"
            f" {', '.join(known)}, or --only forecaster"
        )
