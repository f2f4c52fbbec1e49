"""A market of 34 coins as feed, forecast loop and recorder would show it: for `benchmarks/page.py`.

Prices are a random walk. What a loop would compute is made up; what it writes and publishes is
of the same shape and size. The clock of the market runs `speed` times as fast as the wall's.
"""

import json
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import redis

from inference.handover.fence import CHANNEL
from market import keys

VENUE = "simulated"
TICK_MS = 2_000
HORIZON_TICKS = 5
LEVELS = 20
TAPE = 50


class PageMarket:
    """Writes hot state and publishes ticks with their outcomes; nothing else moves."""

    def __init__(self, client: redis.Redis, symbols: Sequence[str]) -> None:
        self._client = client
        self._draw = random.Random(1)
        self._mids = {symbol: 10 ** self._draw.uniform(-1, 4.8) for symbol in symbols}
        self._watched = symbols[0]
        self._tape: list[dict[str, Any]] = []
        self._said: dict[int, dict[str, tuple[float, float]]] = {}
        self.seq = round(time.time() * 1000) // TICK_MS
        self._market_ms = float(self.seq * TICK_MS)
        self._wall = time.time()
        self._speed = 1.0

    def run_at(self, speed: float) -> None:
        """Go on at another speed of market time."""
        self._market_ms, self._wall, self._speed = self.now_ms, time.time(), speed
        fields: Any = {
            "venue": VENUE,
            "live": "0",
            "market_ms": repr(self._market_ms),
            "wall_ms": repr(self._wall * 1000),
            "speed": repr(speed),
        }
        self._client.hset(keys.clock(), mapping=fields)

    @property
    def now_ms(self) -> float:
        """Market time."""
        return self._market_ms + (time.time() - self._wall) * 1000 * self._speed

    def move(self) -> None:
        """Write a cell of the feed: books, features and price line of all coins."""
        now_ms = self.now_ms
        pipeline = self._client.pipeline(transaction=False)
        for symbol, mid in self._mids.items():
            moved = self._mids[symbol] = mid * (1 + self._draw.gauss(0, 2e-5))
            half = moved * 1e-5
            book: Any = {
                "bid": repr(moved - half), "bid_size": "1.5", "ask": repr(moved + half),
                "ask_size": "2.5", "ts": str(round(now_ms)),
            }  # fmt: skip
            if symbol == self._watched:
                book |= {"bids": self._levels(moved, -half), "asks": self._levels(moved, half)}
                self._print(now_ms, moved)
                pipeline.set(keys.tape(symbol), json.dumps(self._tape))
            features: Any = {
                "mid_price": repr(moved), "feature_ts": repr(now_ms / 1000),
                "event_ts_ms": str(round(now_ms)), "exchange_ts_ms": str(round(now_ms) - 12),
                "venue": VENUE,
            }  # fmt: skip
            pipeline.hset(keys.ob(symbol), mapping=book)
            pipeline.hset(keys.feat(symbol), mapping=features)
            pipeline.xadd(
                keys.px(symbol), {"mid": repr(moved)}, maxlen=3_000, id=f"{round(now_ms)}-*"
            )
        pipeline.execute()

    def tick(self) -> None:
        """Publish the next tick of all coins, and what came of the one five before it."""
        self.seq += 1
        said = {
            symbol: (mid, mid * (1 + self._draw.gauss(0, 5e-5)))
            for symbol, mid in self._mids.items()
        }
        self._said[self.seq] = said
        forecasts = {symbol: self._forecast(symbol, *each) for symbol, each in said.items()}
        self._store(forecasts)
        self._publish(
            {
                "type": "tick",
                "seq": self.seq,
                "venue": VENUE,
                "live": False,
                "tick_ms": self.seq * TICK_MS,
                "published_ms": round(time.time() * 1000),
                "frames": {symbol: json.dumps(each) for symbol, each in forecasts.items()},
            }
        )
        then = self._said.pop(self.seq - HORIZON_TICKS, None)
        if then is not None:
            tick = self.seq - HORIZON_TICKS
            frames = [self._outcome(tick, symbol, *each) for symbol, each in then.items()]
            self._publish({"type": "outcomes", "frames": frames})

    def _store(self, forecasts: Mapping[str, dict[str, Any]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for symbol, said in forecasts.items():
            fields: Any = said | {"prediction_ts": said["timestamp"], "live": "0"}
            pipeline.hset(keys.pred(symbol), mapping=fields)
        pipeline.execute()

    def _publish(self, message: dict[str, Any]) -> None:
        self._client.publish(CHANNEL, msgpack.packb(message))

    def _forecast(self, symbol: str, mid: float, predicted: float) -> dict[str, Any]:
        made = self.seq * TICK_MS
        return {
            "symbol": symbol, "timestamp": made, "current_price": mid,
            "predicted_price": predicted, "confidence": 0.8, "latency_ms": 1.234567,
            "source": "redis", "venue": VENUE, "live": False,
            "target_ts": made + HORIZON_TICKS * TICK_MS, "seq": self.seq, "mid_price": mid,
            "lower": mid * 0.9998, "upper": mid * 1.0002, "p_up": self._draw.random(),
            "reason": "", "features_age_ms": 41.228515625, "model_version": "v1.0.0",
        }  # fmt: skip

    def _outcome(self, tick: int, symbol: str, mid: float, predicted: float) -> dict[str, Any]:
        came = self._mids[symbol]
        return {
            "forecast_id": tick, "symbol": symbol, "venue": VENUE, "live": False,
            "tick": tick,
            "target_ts": (tick + HORIZON_TICKS) * TICK_MS, "target_mid": came,
            "predicted_price": predicted, "mid_price": mid,
            "direction_hit": (predicted > mid) == (came > mid), "covered": True,
            "error_bp": (predicted / came - 1) * 1e4, "no_change_error_bp": (mid / came - 1) * 1e4,
            "status": "graded", "reason": "",
        }  # fmt: skip

    def _levels(self, mid: float, step: float) -> str:
        return json.dumps([[mid + step * (n + 1), self._draw.random() * 3] for n in range(LEVELS)])

    def _print(self, now_ms: float, price: float) -> None:
        side = self._draw.choice(("buy", "sell"))
        trade = {"ts": round(now_ms), "price": price, "size": 0.01, "side": side}
        self._tape = [trade | {"id": round(now_ms)}, *self._tape[: TAPE - 1]]
