"""The MQTT publisher as a process: steps, back-off while the broker is away, heartbeat.

Run by `manage.py run_mqtt`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from paho.mqtt.enums import MQTTProtocolVersion

from inference.vocabulary import FORECASTS, SIGNALS
from market.backoff import Backoff
from market.clock import LiveClock
from market.redis_cluster import AWAY, AnyClient
from predictions.mqtt.address import BrokerAddress
from predictions.mqtt.connection import BrokerError, Connection, Outgoing, VersionRefusedError
from predictions.mqtt.heartbeat import Heartbeat
from predictions.mqtt.log_tail import LogTail, since
from predictions.mqtt.messages import status_message
from predictions.mqtt.publishing import Publishing
from predictions.mqtt.topics import Topics

log = structlog.get_logger(__name__)

BLOCK_MS = 200
POLL_SECONDS = 0.05
GOODBYE_SECONDS = 2.0
LOOK_BACK_HOURS = 26.0
"""A day's candle is spoken of for this long; what came before is over, and was said to be."""


@dataclass(slots=True)
class PublishingLoop:
    """Runs until `stopping` says so."""

    client: AnyClient
    address: BrokerAddress
    topics: Topics
    stopping: Callable[[], bool]
    cluster: bool = False
    block_ms: int = BLOCK_MS
    error: str = ""
    connections: int = 0
    publishing: Publishing = field(init=False)
    _clock: LiveClock = field(init=False, default_factory=LiveClock)
    _heartbeat: Heartbeat = field(init=False)
    _signals: LogTail = field(init=False)
    _forecasts: LogTail = field(init=False)
    _version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5
    _learnt: bool = False
    _broker_backoff: Backoff = field(init=False, default_factory=Backoff)
    _ask_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.publishing = Publishing(self.topics, self._clock.now_ms)
        self._heartbeat = Heartbeat(self.client)
        past, now = since(LOOK_BACK_HOURS), since(0)
        self._signals = LogTail(self.client, SIGNALS, past, self.cluster)
        self._forecasts = LogTail(self.client, FORECASTS, now, self.cluster)

    def run(self) -> None:
        """Publish until stopped, then withdraw what stands and say goodbye."""
        backoff = Backoff()
        try:
            while not self.stopping():
                try:
                    self.step()
                    backoff = Backoff()
                except AWAY as error:
                    log.warning("publisher_waits", error=f"Redis does not answer: {error}")
                    self._wait(backoff.next_seconds())
        finally:
            self.close()

    def step(self) -> None:
        """Read what was said, hand it to the broker, withdraw what is over; tell how it went.

        Raises what redis-py raises where Redis is away.
        """
        self._clock.resync()
        while not self._learnt:
            packed = self._signals.read()
            self.publishing.learn(packed)
            self._learnt = not packed
        self._reach()
        try:
            self.publishing.publish_signals(self._signals.read())
            self.publishing.publish_forecasts(self._forecasts.read(self.block_ms))
            self._withdraw()
        except BrokerError as error:
            self._lost(str(error))
        if self._heartbeat.due():
            self._heartbeat.tell("degraded" if self.error else "healthy", self.detail())

    def close(self) -> None:
        """Withdraw what stands, and leave the broker."""
        connection = self.publishing.connection
        if connection is None:
            return
        try:
            self.publishing.retire()
        except BrokerError as error:
            log.warning("broker_left_without_word", error=str(error))
        connection.close(_patiently)
        self.publishing.connection = None

    def _reach(self) -> None:
        connection = self.publishing.connection
        if connection is not None and not connection.alive:
            self._lost("the connection was closed")
        if self.publishing.connection is not None or time.monotonic() < self._ask_at:
            return
        will = Outgoing(self.topics.status, status_message(False))
        try:
            self.publishing.greet(Connection.open(self.address, self._version, will))
        except VersionRefusedError as error:
            log.warning("broker_speaks_no_mqtt5", error=str(error), effect="nothing is retained")
            self._version = MQTTProtocolVersion.MQTTv311
        except BrokerError as error:
            self._lost(str(error))
        else:
            self.error, self._broker_backoff = "", Backoff()
            self.connections += 1
            log.info("broker_reached", broker=str(self.address), mqtt=self._version.name)

    def _lost(self, error: str) -> None:
        if self.publishing.connection is not None:
            self.publishing.connection.drop()
            self.publishing.connection = None
        wait = self._broker_backoff.next_seconds()
        self._ask_at = time.monotonic() + wait
        if error != self.error:
            log.warning("broker_away", error=error, seconds=round(wait, 2))
        self.error = error

    def _withdraw(self) -> None:
        if self.publishing.connection is not None:
            self.publishing.withdraw()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stopping():
            # Bots are to be told in time, whether or not Redis answers.
            try:
                self._withdraw()
            except BrokerError as error:
                self._lost(str(error))
            time.sleep(min(left, POLL_SECONDS))

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells."""
        publishing = self.publishing
        return {
            "error": self.error,
            "broker": str(self.address),
            "connected": publishing.connection is not None,
            "connections": self.connections,
            "signals": publishing.signals,
            "forecasts": publishing.forecasts,
            "withheld": dict(publishing.withheld),
        }


def _patiently(done: Callable[[], bool]) -> None:
    until = time.monotonic() + GOODBYE_SECONDS
    while not done() and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
