"""The forecast service as a process: model, loop, ports, from start to stop.

The one place that turns settings into running parts; `manage.py run_inference_loop` calls it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from inference.artefacts.errors import ModelUnavailable, Refusal, RefusedArtefact
from inference.artefacts.places import network_places
from inference.artefacts.registry import LoadedModel, Registry
from inference.config import ServiceConfig, resolve_model_path
from inference.forecasts.engine import Engine, EngineError
from inference.forecasts.forecaster import Speaker
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.model_watch import LOOK_SECONDS, ModelWatch, stamps_of
from inference.health import LoopStatus, ModelStatus
from inference.metrics import LoopMetrics
from inference.server import HealthServer, Ports, safe_host

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """All that the service needs, frozen at its start."""

    config: ServiceConfig
    symbols: tuple[str, ...]
    redis_url: str
    base_dir: Path
    var_dir: Path
    token: str


def load_speaker(settings: ServiceSettings) -> tuple[Speaker, ModelStatus]:
    """Load and warm the model; the linear trend where none can be served.

    Raises ConfigError where model and configuration contradict each other.
    """
    config = settings.config
    registry = Registry.from_config(config, settings.base_dir, settings.var_dir)
    try:
        model = registry.load()
    except ModelUnavailable as error:
        return _trend(error.refusals, str(error))
    warnings = (*model.warnings, *_untested(model, settings.symbols))
    for warning in warnings:
        log.warning("model_warning", message=warning)
    for refused in model.refused:
        log.error("artefact_refused", code=refused.code.value, message=refused.message)
    engine = Engine(model, config.model.batch_size)
    try:
        for rows in {1, len(settings.symbols)}:
            engine.warm_up(config.model.warm_up_iterations, rows)
    except EngineError as error:  # it took the rows that it was tried with, and not so many
        failed = RefusedArtefact(model.path, Refusal.REFUSED, f"{model.path}: {error}")
        return _trend((*model.refused, failed), failed.message)
    log.info("model_loaded", version=model.version, role=model.role, path=str(model.path))
    speaker = Speaker(engine, model.version, model.base_version, model.role, model.digest)
    return speaker, ModelStatus(
        model.version,
        loaded=True,
        path=str(model.path),
        digest=model.digest,
        warnings=warnings,
        refused=_as_documents(model.refused),
    )


async def serve(
    settings: ServiceSettings, stopping: Callable[[], bool], max_ticks: int | None = None
) -> None:
    """Run the service until stopped, or until max_ticks ticks were run."""
    config = settings.config
    before_reading = stamps_of(model_places(settings))
    speaker, model_status = load_speaker(settings)
    status = LoopStatus(
        service=config.service_name,
        frequency_seconds=config.prediction.frequency_seconds,
        model=model_status,
        pool_size=config.redis.connection_pool_size,
    )
    metrics = LoopMetrics()
    for refused in model_status.refused:
        metrics.artefacts_refused.labels(refused["code"]).inc()
    loop = ForecastLoop(
        config=config,
        symbols=settings.symbols,
        speaker=speaker,
        redis_url=settings.redis_url,
        status=status,
        metrics=metrics,
        stopping=stopping,
    )
    server = HealthServer(
        status.document,
        lambda: loop.latest,
        safe_host(config.health.host, settings.token),
        settings.token,
    )
    ports = Ports(server, config, metrics.registry)
    watch = ModelWatch(
        lambda: model_places(settings),
        lambda: load_speaker(settings),
        model_status,
        metrics,
        before_reading,
    )
    tending = asyncio.create_task(_tend(watch, loop, ports))
    try:
        await loop.run(max_ticks)
    finally:
        tending.cancel()
        await ports.close()


def model_places(settings: ServiceSettings) -> tuple[Path, ...]:
    """Return where the forecaster is looked for now, in the order in which they are tried."""
    configured = resolve_model_path(settings.config.model.path, settings.base_dir)
    return network_places(configured, settings.base_dir, settings.var_dir)


async def _tend(watch: ModelWatch, loop: ForecastLoop, ports: Ports) -> None:
    """Off the tick: bind ports as the lead changes, take up what was promoted or replaced."""
    waited = 0.0
    await asyncio.sleep(0.1)  # most loops lead at once and never need a free port
    await ports.bind(leading=loop.status.leading)
    while True:
        await asyncio.sleep(0.2)
        if loop.status.leading and not ports.settled:
            await ports.bind(leading=True)
            if not ports.settled:
                await asyncio.sleep(2.0)
        waited += 0.2
        if waited < LOOK_SECONDS or not loop.quiet:
            continue
        waited = 0.0
        found = await watch.look()
        if found is not None:
            loop.offer(*found)


def _trend(refusals: tuple[RefusedArtefact, ...], why: str) -> tuple[Speaker, ModelStatus]:
    log.error("model_missing", effect="a linear trend stands in", error=why)
    speaker = Speaker(None)
    return speaker, ModelStatus(speaker.version, loaded=False, refused=_as_documents(refusals))


def _untested(model: LoadedModel, symbols: tuple[str, ...]) -> tuple[str, ...]:
    known = model.manifest.training.symbols if model.manifest is not None else ()
    strange = [symbol for symbol in symbols if symbol not in known]
    if not known or not strange:
        return ()
    return (
        f"{model.version} learned from {', '.join(known)} alone: its forecasts of "
        f"{', '.join(strange)} are untested and may be worse than no change",
    )


def _as_documents(refusals: tuple[RefusedArtefact, ...]) -> tuple[dict[str, str], ...]:
    return tuple(
        {"path": str(refused.path), "code": refused.code.value, "message": refused.message}
        for refused in refusals
    )
