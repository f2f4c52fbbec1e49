"""A real broker (Debian's mosquitto) for tests, and a listener that keeps what it hears."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.ports import free_port
from tests.waiting import eventually_sync

USER, PASSWORD = "cryptosite", "p@ss/word"


@dataclass(slots=True)
class Broker:
    """A mosquitto on loopback that keeps nothing on disk. start and stop as often as one likes."""

    directory: Path
    port: int = field(default_factory=free_port)
    settings: tuple[str, ...] = ("allow_anonymous true",)
    _child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> Self:
        config = self.directory / f"mosquitto-{self.port}.conf"
        lines = (
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            "user root",
            *self.settings,
        )
        config.write_text("\n".join(lines) + "\n")
        with (self.directory / f"mosquitto-{self.port}.log").open("ab") as output:
            self._child = subprocess.Popen(
                [program(), "-c", str(config)], stdout=output, stderr=output
            )
        eventually_sync(self._answers)
        return self

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def pause(self) -> None:
        """Let it take nothing and say nothing, its connections open."""
        if self._child is not None:
            self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(slots=True)
class Heard:
    """One message as it came."""

    topic: str
    body: Any
    qos: int
    retained: bool


@dataclass(slots=True)
class Listener:
    """Speaks MQTT 3.1.1, as hummingbot does, and hears every topic."""

    port: int
    heard: list[Heard] = field(default_factory=list)

    def on(self, topic: str) -> list[Heard]:
        return [each for each in self.heard if each.topic == topic]

    def bodies(self, topic: str) -> list[Any]:
        return [each.body for each in self.on(topic)]


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """Yield a listener that is subscribed."""
    listener = Listener(port)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
    subscribed: list[object] = []

    def hear(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        listener.heard.append(Heard(message.topic, body, message.qos, message.retain))

    client.on_message = hear
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    client.loop_start()
    try:
        eventually_sync(lambda: subscribed)
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def older(broker: Broker) -> Iterator[int]:
    """Yield a port at which the broker answers as one that knows no MQTT 5."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_admit, args=(door, broker.port), daemon=True).start()
        yield door.getsockname()[1]


def _admit(door: socket.socket, port: int) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            return  # the door is closed
        hello = client.recv(4_096)
        if hello[8] == MQTTProtocolVersion.MQTTv5:
            client.sendall(b"\x20\x02\x00\x01")  # unacceptable protocol version
            client.close()
            continue
        server = socket.create_connection(("127.0.0.1", port))
        server.sendall(hello)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        pass  # whoever hung up first
    finally:
        target.close()


def self_signed(directory: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "broker.crt", directory / "broker.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def program() -> str:
    """Return mosquitto's path; Debian puts it where a user's PATH does not look."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise FileNotFoundError("mosquitto is not installed: apt-get install mosquitto")
    return found
