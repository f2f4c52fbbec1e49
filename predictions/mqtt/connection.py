"""One connection to the broker, from its handshake to its end. Read by the publisher.

A connection that broke is thrown away with what it had not delivered: paho would send it after
the next handshake, when it may be over. Who makes the next one says anew what then holds.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from predictions.mqtt.address import BrokerAddress

SOCKET_SECONDS = 3.0
KEEPALIVE_SECONDS = 15
MOST_WAITING = 10_000
"""Messages that the broker has not acknowledged; with more it is taken to be lost."""
UNSUPPORTED_VERSION = 132


class BrokerError(Exception):
    """The broker does not answer, refuses us, or is gone: tried again with back-off."""


class VersionRefusedError(BrokerError):
    """The broker speaks no MQTT 5: it is asked for 3.1.1 next."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message. lives_seconds: how long it holds, None: until the next one.

    kept: the broker is to keep it for who subscribes later, for as long as it holds.
    """

    topic: str
    payload: bytes
    lives_seconds: int | None = None
    kept: bool = False


class Connection:
    """Made by `open`; `alive` until the broker is lost."""

    def __init__(self, address: BrokerAddress, version: MQTTProtocolVersion) -> None:
        self.version = version
        self._settled = threading.Event()
        self._lost = threading.Event()
        self._refusal: ReasonCode | None = None
        self._sent = self._acknowledged = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=version, reconnect_on_failure=False
        )
        self._client.username_pw_set(address.username, address.password)
        if address.tls:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.connect_timeout = SOCKET_SECONDS
        self._client.max_queued_messages_set(MOST_WAITING)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    @classmethod
    def open(cls, address: BrokerAddress, version: MQTTProtocolVersion, will: Outgoing) -> Self:
        """Connect, and leave `will` to be said by the broker should we vanish.

        Raises BrokerError.
        """
        connection = cls(address, version)
        connection._client.will_set(will.topic, will.payload, qos=1, retain=True)
        try:
            connection._client.connect(address.host, address.port, KEEPALIVE_SECONDS)
        except (OSError, ValueError) as error:
            raise BrokerError(f"{address}: {error}") from error
        connection._client.loop_start()
        settled = connection._settled.wait(SOCKET_SECONDS)
        refusal = connection._refusal
        if settled and refusal is None and connection.alive:
            return connection
        connection.drop()
        if refusal is not None and refusal.value == UNSUPPORTED_VERSION:
            raise VersionRefusedError(f"{address}: {refusal}")
        raise BrokerError(f"{address}: {refusal or 'no answer to the handshake'}")

    @property
    def alive(self) -> bool:
        return not self._lost.is_set()

    @property
    def waiting(self) -> int:
        """Messages that the broker has not taken over yet."""
        return self._sent - self._acknowledged

    def send(self, message: Outgoing) -> None:
        """Hand a message over, QoS 1.

        Before MQTT 5 no message can end by itself, so nothing is kept there.
        Raises BrokerError where the connection is lost.
        """
        properties = None
        kept = message.kept and message.lives_seconds is None
        if self.version is MQTTProtocolVersion.MQTTv5 and message.lives_seconds is not None:
            kept = message.kept
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = message.lives_seconds
        told = self._client.publish(message.topic, message.payload, 1, kept, properties)
        if told.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(f"not sent: {mqtt.error_string(told.rc)}")
        self._sent += 1

    def close(self, wait: Callable[[Callable[[], bool]], None]) -> None:
        """Say goodbye once all was acknowledged, or `wait` has given up."""
        wait(lambda: not self.alive or not self.waiting)
        self._client.disconnect()
        wait(lambda: not self.alive)
        self.drop()

    def drop(self) -> None:
        """End the connection without a word; the broker says our last will."""
        # paho's thread ends with its socket, else only once all was acknowledged.
        if isinstance(link := self._client.socket(), socket.socket):
            with contextlib.suppress(OSError):  # it is gone already
                link.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _on_connect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            self._refusal = code
        self._settled.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._lost.set()
        self._settled.set()

    def _on_publish(self, *_: Any) -> None:
        self._acknowledged += 1
