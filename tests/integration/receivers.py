"""A server that takes what is posted to it, in a thread: apprise's json:// and webhooks alike."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """answers: what the next requests are answered with; then 200. stuck: holds every answer."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    stuck: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.stuck.set()

    def url(self, scheme: str = "http", path: str = "/hook") -> str:
        return f"{scheme}://user:hunter2secret@127.0.0.1:{self.port}{path}"

    @property
    def titles(self) -> list[str]:
        return [each.json["title"] for each in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve until the end of the block."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.received.append(Received(self.path, headers, body))
            kept.stuck.wait(10)
            status = kept.answers.pop(0) if kept.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", f"http://127.0.0.1:{kept.port}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kept
    finally:
        kept.stuck.set()
        server.shutdown()
        server.server_close()
        thread.join()
