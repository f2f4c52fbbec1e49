"""What people read: an alert, its end, a signal. Read by the alerts' process."""

import socket
from datetime import UTC, datetime
from typing import Any

from predictions.alerting.incidents import Begun, Change
from predictions.models import Signal
from predictions.moments import moment
from predictions.watching.alert import Severity
from predictions.webhooks.measured import Measured

Words = dict[str, Any]
"""title, body, and apprise's type."""

TYPES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
MINUTE = 60.0
HOUR = 3_600.0


def of_incident(change: Change, site: str) -> Words:
    """Return the message of an incident's begin or end."""
    alert = change.alert
    name = f"{alert.code.replace('_', ' ')} ({alert.subject})"
    since = _clock(change.since)
    if isinstance(change, Begun):
        return {
            "title": f"{alert.severity.value.capitalize()}: {name}",
            "body": "\n".join(
                filter(None, (alert.message, alert.action, f"Since {since}. {_place(site)}"))
            ),
            "type": TYPES[alert.severity],
        }
    lasted = spoken_span(change.until - change.since)
    return {
        "title": f"Recovered: {name}",
        "body": f"It was: {alert.message}\n"
        f"From {since} to {_clock(change.until)}: {lasted}. {_place(site)}",
        "type": "success",
    }


def of_signal(signal: Signal, measured: Measured, site: str) -> Words:
    """Return the notification of a LONG or SHORT signal."""
    until = moment(signal.valid_until_ts)
    targets = (signal.take_profit_1, signal.take_profit_2, signal.take_profit_3)
    record = measured.record_of(signal)
    accuracy = "its live accuracy is not measured yet"
    if record is not None and record["hit_rate"] is not None:
        accuracy = (
            f"{record['hit_rate']:.0%} of its last {record['hit_n']} at {signal.timeframe} hit"
        )
    return {
        "title": f"{signal.direction} {signal.symbol} {signal.timeframe}, "
        f"confidence {signal.confidence:.0%}",
        "body": "\n".join(
            (
                f"Entry {_price(signal.entry)}, stop-loss {_price(signal.stop_loss)}, targets "
                + ", ".join(_price(each) for each in targets if each is not None),
                f"Valid until {until:%H:%M:%S} UTC on {until:%Y-%m-%d} ({signal.venue}).",
                f"Model {signal.model_version}: {accuracy}.",
                f"{site}/signals/{signal.pk}",
            )
        ),
        "type": "info",
    }


def of_test(site: str) -> Words:
    """Return what `send_test_alert` sends."""
    return {
        "title": "Test alert",
        "body": f"Alerts of this instance arrive here. {_place(site)}",
        "type": "info",
    }


def spoken_span(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _price(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.8g}"


def _place(site: str) -> str:
    return f"{socket.gethostname()}, {site}/system"
