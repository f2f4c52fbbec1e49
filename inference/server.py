"""The forecast loop's own HTTP: /health and /predict, and Prometheus beside it.

It runs within the loop's process and reads memory alone: a slow client or a dead Redis cannot
make it wait. A standby serves on a free port and moves to the configured one when it leads.
"""

import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, start_http_server

from inference.config import ServiceConfig
from inference.forecasts.entry import COLUMNS, TickEntry
from inference.vocabulary import REASON_TEXTS, Reason, Source, spoken_version
from market.addresses import is_loopback
from market.symbols import UnknownSymbolError, parse_symbol

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"


def safe_host(host: str, token: str) -> str:
    """Return the host to bind: the configured one, but loopback where others could reach it
    and no token guards it."""
    if token or is_loopback(host):
        return host
    log.warning("bound_to_loopback", configured=host, bound=LOOPBACK, reason="API_TOKEN is not set")
    return LOOPBACK


@dataclass(slots=True)
class HealthServer:
    """Serves what `document` and `latest` say. token: "" leaves /predict open (on loopback)."""

    document: Callable[[], dict[str, Any]]
    latest: Callable[[], TickEntry | None]
    host: str
    token: str
    _runner: web.AppRunner | None = field(default=None, init=False)

    async def listen(self, port: int) -> int:
        """Serve on `port` (0: a free one), leaving any port held before; return the port.

        Raises OSError where the port is taken; what was served before goes on.
        """
        app = web.Application()
        app.add_routes([web.get("/health", self._health), web.get("/predict", self._predict)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, port, reuse_address=True).start()
        except OSError:
            await runner.cleanup()
            raise
        await self.close()
        self._runner = runner
        return int(runner.addresses[0][1])

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _request: web.Request) -> web.Response:
        document = self.document()
        return web.json_response(document, status=503 if document["status"] == "unhealthy" else 200)

    async def _predict(self, request: web.Request) -> web.Response:
        if self.token:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return _error(401, "unauthorized", "send Authorization: Bearer <API_TOKEN>")
        others = [name for name in request.query if name != "symbol"]
        if others or len(request.query) > 1:
            named = f"{others[0][:40]} is no parameter" if others else "it came twice"
            return _error(400, "invalid_parameter", f"symbol alone is allowed, once; {named}")
        entry = self.latest()
        if entry is None:
            return _error(503, "no_forecast", "no forecast was made of late")
        try:
            symbol = parse_symbol(request.query.get("symbol", entry.symbols[0]))
            index = entry.symbols.index(symbol)
        except (UnknownSymbolError, ValueError) as error:
            allowed = ", ".join(entry.symbols)
            return _error(404, "unknown_symbol", f"{error}; forecast are {allowed}")
        return web.json_response(prediction_result(entry, index))


def prediction_result(entry: TickEntry, index: int) -> dict[str, Any]:
    """Return one forecast in the fields of the specification's PredictionResult; unknown None."""
    row = dict(zip(COLUMNS, entry.numbers[:, index].tolist(), strict=True))
    known = {name: None if math.isnan(value) else value for name, value in row.items()}
    reason = Reason(entry.reasons[index])
    source = Source(entry.sources[index])
    return {
        "symbol": entry.symbols[index],
        "timestamp": entry.tick_ms,
        "current_price": known["current_price"],
        "predicted_price": known["predicted_price"],
        "prediction_horizon_seconds": entry.horizon_ms // 1_000,
        "confidence": known["confidence"],
        "model_version": spoken_version(entry.model_version, source),
        "features_age_ms": known["features_age_ms"],
        "inference_latency_ms": round(entry.latency_ms, 3),
        "source": source.value,
        "mid_price": known["mid_price"],
        "lower": known["lower"],
        "upper": known["upper"],
        "p_up": known["p_up"],
        "reason": reason.value,
        "reason_text": REASON_TEXTS[reason],
        "venue": entry.venue,
        "live": entry.live,
        "target_ts": entry.target_ms,
    }


class Ports:
    """Which ports are served: free ones while standing by, the configured ones when leading."""

    def __init__(
        self, server: HealthServer, config: ServiceConfig, registry: CollectorRegistry
    ) -> None:
        self._server = server
        self._config = config
        self._registry = registry
        self._prometheus: tuple[Any, Any] | None = None
        self._configured = {"health": False, "metrics": False}

    async def bind(self, *, leading: bool) -> None:
        """Serve health and metrics; call it again until `settled` once the lead is taken."""
        config = self._config
        if not self._configured["health"]:
            self._configured["health"] = await self._bind_health(
                config.health.port if leading else 0
            )
        if config.metrics.enable_prometheus and not self._configured["metrics"]:
            self._configured["metrics"] = self._bind_metrics(
                config.metrics.prometheus_port if leading else 0
            )

    @property
    def settled(self) -> bool:
        return self._configured["health"] and (
            self._configured["metrics"] or not self._config.metrics.enable_prometheus
        )

    async def close(self) -> None:
        await self._server.close()
        self._stop_metrics()

    async def _bind_health(self, port: int) -> bool:
        try:
            bound = await self._server.listen(port)
        except OSError as error:
            log.warning("health_port_taken", port=port, error=error.strerror)
            return False
        log.info("health_served", url=f"http://{self._server.host}:{bound}/health")
        return port != 0

    def _bind_metrics(self, port: int) -> bool:
        try:
            started = start_http_server(port, self._server.host, self._registry)
        except OSError as error:
            log.warning("metrics_port_taken", port=port, error=error.strerror)
            return False
        self._stop_metrics()
        self._prometheus = started
        bound = started[0].server_port
        log.info("metrics_served", url=f"http://{self._server.host}:{bound}/metrics")
        return port != 0

    def _stop_metrics(self) -> None:
        if self._prometheus is not None:
            server, thread = self._prometheus
            server.shutdown()
            server.server_close()
            thread.join()
            self._prometheus = None


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"status": "error", "code": code, "message": message}, status=status)
