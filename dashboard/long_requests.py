"""Requests whose line or header is longer than the web servers read: they get an answer.

Servers close such a connection without a word, and a client cannot tell that from a failure.
Read by both servers.
"""

import json

from dashboard.client_limits import LONGEST_LINE
from predictions.api.errors import error_body

PHRASES = {414: "URI Too Long", 431: "Request Header Fields Too Large"}


def refusal(status: int) -> bytes:
    """Return the whole answer, after which the connection is to be closed."""
    body = refusal_body(status)
    head = (
        f"HTTP/1.1 {status} {PHRASES[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def refusal_body(status: int) -> bytes:
    """Return what is said of a request's first line (414) or of a header (431)."""
    part = "address" if status == 414 else "header"
    told = f"the request's {part} is longer than {LONGEST_LINE} bytes"
    return json.dumps(error_body("request_too_long", told)).encode()
