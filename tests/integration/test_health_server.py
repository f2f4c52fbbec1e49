"""The loop's own HTTP: ports by lead, /health, /predict, and the metrics' exporter."""

import asyncio
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from inference.config import HealthConfig, MetricsConfig, ServiceConfig
from inference.forecasts.entry import TickEntry
from inference.forecasts.tally import Rolling
from inference.health import TickReport
from inference.metrics import LoopMetrics
from inference.server import HealthServer, Ports, safe_host
from tests.integration.ledger import tick_entry
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS

SPECIFIED_METRICS = (
    "inference_total_latency_seconds",
    "inference_redis_read_duration_seconds",
    "inference_model_prediction_duration_seconds",
    "inference_feature_age_seconds",
    "inference_predictions_total",
    "inference_confidence_score",
    "inference_fallback_predictions_total",
    "inference_feature_completeness",
)
LOOPBACK = "127.0.0.1"


class Loop:
    """What the server asks of the loop."""

    def __init__(self) -> None:
        self.status = "healthy"
        self.entry: TickEntry | None = tick_entry(0, {"BTCUSDT": 100.0, "ETHUSDT": 10.0})

    def document(self) -> dict[str, Any]:
        return {"status": self.status}

    def latest(self) -> TickEntry | None:
        return self.entry


def new_server(loop: Loop, token: str = "", host: str = LOOPBACK) -> HealthServer:
    return HealthServer(loop.document, loop.latest, safe_host(host, token), token)


def configured(health: int, metrics: int, **changes: Any) -> ServiceConfig:
    return ServiceConfig(
        health=HealthConfig(port=health, host=LOOPBACK),
        metrics=MetricsConfig(prometheus_port=metrics, **changes),
    )


async def get(port: int, path: str, token: str | None = None) -> tuple[int, Any]:
    """Ask in a thread; return the status and the body, decoded where it is JSON."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}{path}", headers=headers)

    def ask() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, body = await asyncio.to_thread(ask)
    return status, json.loads(body) if body.startswith("{") else body


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    opened: list[Ports] = []

    def start(config: ServiceConfig, loop: Loop | None = None, token: str = "") -> Ports:
        ports = Ports(new_server(loop or Loop(), token), config, LoopMetrics().registry)
        opened.append(ports)
        return ports

    yield start
    for ports in opened:
        await ports.close()


async def listening(loop: Loop, token: str = "") -> tuple[HealthServer, int]:
    server = new_server(loop, token)
    return server, await server.listen(0)


async def test_predict_answers_the_newest_forecast_and_404_for_an_unknown_symbol():
    server, port = await listening(Loop())
    try:
        status, first = await get(port, "/predict")
        assert (status, first["symbol"], first["source"]) == (200, "BTCUSDT", "redis")
        assert (await get(port, "/predict?symbol=eth-usdt"))[1]["symbol"] == "ETHUSDT"
        for wrong in ("sym=ETHUSDT", "symbol=ETHUSDT&symbol=BTCUSDT"):
            status, error = await get(port, f"/predict?{wrong}")
            assert (status, error["code"]) == (400, "invalid_parameter")
        for unknown in ("SOLUSDT", "%2e%2e"):
            status, error = await get(port, f"/predict?symbol={unknown}")
            assert (status, error["status"], error["code"]) == (404, "error", "unknown_symbol")
            assert "BTCUSDT, ETHUSDT" in error["message"]
    finally:
        await server.close()


async def test_predict_before_the_first_forecast_is_503():
    loop = Loop()
    loop.entry = None
    server, port = await listening(loop)
    try:
        status, error = await get(port, "/predict")
        assert (status, error["code"]) == (503, "no_forecast")
    finally:
        await server.close()


async def test_predict_with_a_token_set_wants_it_and_health_does_not():
    server, port = await listening(Loop(), token="s3cret")
    try:
        for given in (None, "", "other", "s3cret2"):
            status, error = await get(port, "/predict", given)
            assert (status, error["code"]) == (401, "unauthorized")
        assert (await get(port, "/predict", "s3cret"))[0] == 200
        assert (await get(port, "/health"))[0] == 200
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [("healthy", 200), ("degraded", 200), ("standby", 200), ("starting", 200), ("unhealthy", 503)],
)
async def test_health_answers_503_only_where_the_loop_is_unhealthy(said: str, code: int):
    loop = Loop()
    loop.status = said
    server, port = await listening(loop)
    try:
        assert await get(port, "/health") == (code, {"status": said})
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("host", "token", "bound"),
    [
        ("0.0.0.0", "", LOOPBACK),
        ("::", "", LOOPBACK),
        ("10.0.0.5", "", LOOPBACK),
        ("inference.example", "", LOOPBACK),
        ("0.0.0.0", "token", "0.0.0.0"),
        (LOOPBACK, "", LOOPBACK),
        ("::1", "", "::1"),
        ("localhost", "", "localhost"),
    ],
)
def test_host_open_to_others_is_loopback_without_a_token(host: str, token: str, bound: str):
    assert safe_host(host, token) == bound


async def test_standby_serves_on_free_ports_and_moves_when_it_leads(serve):
    health, metrics = free_port(), free_port()
    ports = serve(configured(health, metrics))
    with capture_logs() as logs:
        await ports.bind(leading=False)
    free = {line["event"]: int(re.search(r":(\d+)/", line["url"])[1]) for line in logs}
    assert set(free) == {"health_served", "metrics_served"}
    assert not ports.settled
    assert not is_served(health) and not is_served(metrics)
    assert (await get(free["health_served"], "/health"))[0] == 200

    await ports.bind(leading=True)
    assert ports.settled
    assert (await get(health, "/health"))[0] == 200
    assert (await get(metrics, "/metrics"))[0] == 200
    assert not is_served(free["health_served"]) and not is_served(free["metrics_served"])


async def test_leader_whose_ports_are_taken_warns_goes_on_and_gets_them_later(serve):
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((LOOPBACK, free_port()))
            taken.listen()
        health, metrics = one.getsockname()[1], other.getsockname()[1]
        ports = serve(configured(health, metrics))
        await ports.bind(leading=False)
        with capture_logs() as logs:
            await ports.bind(leading=True)
        warned = {(line["event"], line["port"]) for line in logs if line["log_level"] == "warning"}
        assert warned == {("health_port_taken", health), ("metrics_port_taken", metrics)}
        assert not ports.settled
    await ports.bind(leading=True)
    assert ports.settled
    assert (await get(health, "/health"))[0] == 200


async def test_metrics_switched_off_are_not_served_and_not_waited_for(serve):
    health, metrics = free_port(), free_port()
    ports = serve(configured(health, metrics, enable_prometheus=False))
    await ports.bind(leading=True)
    assert ports.settled
    assert not is_served(metrics)


async def test_exporter_serves_every_metric_of_the_specification():
    port = free_port()
    loop_metrics = LoopMetrics()
    loop_metrics.observe(report(), with_a_fallback(), Rolling(0, 0, 0, 0, 0, 0.0, 0.0))
    ports = Ports(new_server(Loop()), configured(free_port(), port), loop_metrics.registry)
    await ports.bind(leading=True)
    try:
        _, text = await get(port, "/metrics")
    finally:
        await ports.close()
    for name in SPECIFIED_METRICS:
        assert re.search(rf"^# TYPE {name} (histogram|counter)$", text, re.M), name
        counted = re.search(rf"^{name}(_count)?(\{{.*\}})? ([\d.e+]+)$", text, re.M)
        assert counted and float(counted[3]) > 0, name
    assert 'inference_fallback_predictions_total{reason="stale_features"' in text


def report() -> TickReport:
    return TickReport(
        tick=1, tick_ms=2_000, symbols=2, model=1, fallbacks=1, stale=1, read_ms=1.0,
        model_ms=2.0, write_ms=1.0, total_ms=4.0, lateness_ms=0.1, missed=0, completeness=1.0,
        age_ms=10.0, written=True, too_slow=False,
    )  # fmt: skip


def with_a_fallback() -> TickEntry:
    return tick_entry(
        0,
        {"BTCUSDT": 100.0, "ETHUSDT": 10.0},
        sources=["redis", "fallback-stale"],
        reasons=["", "stale_features"],
    )
