"""Requests whose line or header is longer than the web server reads: they get an answer.

Twisted closes the connection without a word, and a client cannot tell that from a failure.
Read by `dashboard.web_server`.
"""

import json
from typing import Any

from twisted.web.http import HTTPChannel

from predictions.api.errors import error_body

LONGEST_LINE = int(HTTPChannel.MAX_LENGTH)
"""Bytes of a request's first line, and of each header."""


class AnsweringChannel(HTTPChannel):
    """Reads requests as Twisted does, and says 414 or 431 where a line is too long."""

    def lineLengthExceeded(self, line: bytes) -> None:
        first = line.split(b" ", 1)[0]
        status, part = (414, "address") if first.isalpha() else (431, "header")
        told = f"the request's {part} is longer than {LONGEST_LINE} bytes"
        body = json.dumps(error_body("request_too_long", told)).encode()
        phrase = "URI Too Long" if status == 414 else "Request Header Fields Too Large"
        head = (
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        transport: Any = self.transport
        transport.write(head.encode() + body)
        transport.loseConnection()
