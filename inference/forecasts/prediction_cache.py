"""How `pred:{symbol}` reads: from the hash in Redis to the specification's PredictionResult.

Read by the web's REST and pages and by the loop's own `/predict`; the loop's publisher writes
the hash. In it unknown is the empty string, but for the two prices that the specification
writes as 0.0 where there is none; here both become None.
"""

import math
from collections.abc import Mapping


def from_hash(symbol: str, fields: Mapping[str, str]) -> dict[str, object] | None:
    """Return the forecast that `fields` hold; None where there is none, or no readable time.

    Times are integer ms, prices in quote currency, ages and latencies in ms.
    """
    made, target = _number(fields, "prediction_ts"), _number(fields, "target_ts")
    if made is None or target is None:
        return None
    return {
        "symbol": symbol,
        "timestamp": int(made),
        "current_price": _price(fields, "current_price"),
        "predicted_price": _price(fields, "predicted_price"),
        "prediction_horizon_seconds": _whole_if_possible((target - made) / 1000),
        "confidence": _number(fields, "confidence"),
        "model_version": fields.get("model_version", ""),
        "features_age_ms": _number(fields, "features_age_ms"),
        "inference_latency_ms": _number(fields, "latency_ms"),
        "source": fields.get("source", ""),
        "mid_price": _price(fields, "mid_price"),
        "lower": _price(fields, "lower"),
        "upper": _price(fields, "upper"),
        "p_up": _number(fields, "p_up"),
        "reason": fields.get("reason", ""),
        "venue": fields.get("venue", ""),
        "live": fields.get("live") == "1",
        "target_ts": int(target),
    }


def _number(fields: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(fields[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _price(fields: Mapping[str, str], name: str) -> float | None:
    value = _number(fields, name)
    return value if value is not None and value > 0 else None


def _whole_if_possible(value: float) -> int | float:
    return int(value) if value.is_integer() else value
