"""What a client may do to the web server, whichever one serves. Read by both servers."""

PING_INTERVAL_SECONDS = 5
PING_TIMEOUT_SECONDS = 10
"""A WebSocket whose client answers no ping for so long, or takes nothing, is closed."""

LONGEST_STALL_SECONDS = 60.0
"""A client that takes nothing of a response for so long is gone, whatever its connection says."""

LONGEST_LINE = 16_384
"""Bytes of a request's first line, and of each header."""

LONGEST_MESSAGE = 131_072
"""Bytes of a WebSocket message; a longer one closes the socket (1009). The consumer reads less, and
says so."""
