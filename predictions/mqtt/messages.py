"""What lies in a message: hummingbot's four fields, and ours. Read by the publisher.

hummingbot acts on `probabilities` alone, against thresholds of its own, and for as long as no
other message comes. So they are the model's own only while we would act on them ourselves; for
NO_TRADE, and once a signal has expired, they say to stand aside (ADR 26).
"""

from enum import StrEnum
from typing import Any

import orjson

from inference.signals.entry import Said
from inference.vocabulary import Direction

ASIDE = (0.0, 1.0, 0.0)
"""Neither short nor long, whatever the bot's thresholds."""


class StandAside(StrEnum):
    """Why a bot is told not to enter; the field `stand_aside`, "" where it may."""

    NONE = ""
    NO_TRADE = "no_trade"
    EXPIRED = "expired"
    PUBLISHER_STOPPED = "publisher_stopped"


def stand_aside(said: Said, now_ms: float) -> StandAside:
    """Return why nothing may be entered on this signal, at UTC now."""
    if said.signal.expired(now_ms):
        return StandAside.EXPIRED
    if said.signal.direction is Direction.NO_TRADE:
        return StandAside.NO_TRADE
    return StandAside.NONE


def signal_message(said: Said, aside: StandAside) -> bytes:
    """Return a signal's JSON: hummingbot's fields, and those that our WebSocket sends.

    id: the same for one signal however often it is sent. timestamp: the candle's close, UTC ms.
    probabilities: short, neutral, long. target_pct: 1 R as a share of the entry.
    """
    signal = said.signal
    frame = signal.frame()
    del frame["seq"], frame["live_accuracy"]
    body: dict[str, Any] = {
        "id": f"{signal.venue}:{signal.symbol}:{signal.timeframe}"
        f":{signal.candle_close_ms}:{said.revision}",
        "timestamp": signal.prediction_ms,
        "probabilities": ASIDE if aside else signal.probabilities,
        "target_pct": signal.risk / signal.entry,
        "stand_aside": aside.value,
        "model_probabilities": frame.pop("probabilities"),
        "revision": said.revision,
    }
    return orjson.dumps(frame | body)


def status_message(online: bool) -> bytes:
    """Return the publisher's own state."""
    return orjson.dumps({"status": "online" if online else "offline"})
