"""What a webhook says of one signal: docs/api.md, Webhooks. Read by the alerts' process."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inference.signals.signal import iso
from predictions.models import Signal
from predictions.webhooks.measured import Measured

CREATED = "signal.created"
EXPIRED = "signal.expired"


def message_id(signal: Signal) -> str:
    """Return the signal's id in messages: the same at every try, and after a restored database."""
    entry = bytes(signal.leaf.entry_hash).hex()[:24]
    return f"sig_{entry}_{signal.symbol}_{signal.timeframe}"


def payload(signal: Signal, measured: Measured, site: str) -> dict[str, Any]:
    """Return the message of a signal with its leaf. site: what links begin with."""
    levels = (signal.take_profit_1, signal.take_profit_2, signal.take_profit_3)
    low, high = signal.tp_eta_low_minutes, signal.tp_eta_high_minutes
    return {
        "type": CREATED,
        "timestamp": iso(signal.made_ts),
        "data": {
            "id": signal.pk,
            "link": f"{site}/signals/{signal.pk}",
            "symbol": signal.symbol,
            "timeframe": signal.timeframe,
            "venue": signal.venue,
            "live": signal.live,
            "direction": signal.direction,
            "confidence": signal.confidence,
            "probabilities": {
                "LONG": signal.p_long,
                "SHORT": signal.p_short,
                "NO_TRADE": signal.p_no_trade,
            },
            "entry": signal.entry,
            "stop_loss": signal.stop_loss,
            "take_profits": [
                {"level": level, "price": price}
                for level, price in enumerate(levels, 1)
                if price is not None
            ],
            "tp_eta_minutes": signal.tp_eta_minutes,
            "tp_eta_interval_minutes": None if low is None else [low, high],
            "prediction_time": iso(signal.prediction_ts),
            "valid_until": iso(signal.valid_until_ts),
            "expired": False,
            "made_at": iso(signal.made_ts),
            "candle_open": iso(signal.candle_open),
            "candle_close": iso(signal.candle_close),
            "provisional": signal.provisional,
            "revision": signal.revision,
            "model_version": signal.model_version,
            "model_role": signal.role,
            "model_accuracy": signal.model_accuracy,
            "live_accuracy": measured.accuracy_of(signal),
            "live_record": measured.record_of(signal),
        },
    }


def body_at(said: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the message as it is sent now: what can be entered no more says so."""
    data = said["data"]
    if said["type"] != CREATED or now < datetime.fromisoformat(data["valid_until"]):
        return dict(said)
    return {**said, "type": EXPIRED, "data": {**data, "expired": True}}
