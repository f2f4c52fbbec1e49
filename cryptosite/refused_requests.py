"""Keeps what was refused at the door to a line of the log. Read by the logging settings."""

import logging


class RefusedRequestFilter(logging.Filter):
    """Makes a warning without a traceback of what anybody who reaches the port can cause."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, shortened."""
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True
