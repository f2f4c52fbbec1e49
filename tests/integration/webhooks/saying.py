"""Signals that are said and stored, and those of them that reached a receiver."""

from typing import Any

import redis

from inference.signals.entry import BatchEntry, Said
from inference.signals.signal import Signal as Spoken
from inference.vocabulary import SIGNALS
from market import keys
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.alert_loops import START
from tests.integration.receivers import Received, Receiver
from tests.signals import signal

START_MS = round(START.timestamp() * 1000)
VALID_SECONDS = 120.0
STUCK_SECONDS = 1.5
"""How long a receiver that holds its answer is waited for; one that answers takes some ms."""


class Loop:
    """A signal loop and a recorder: what is said lies in the ledger."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._recorder = SignalRecorder(LogReader(client, SIGNALS, "one"))
        self._batch = START_MS

    def __call__(self, *said: Spoken, logged_ms: int = START_MS + 500, revision: int = 0) -> None:
        self._batch += 1
        entry = BatchEntry(
            venue=said[0].venue,
            live=said[0].live,
            batch=self._batch,
            timeframe=said[0].timeframe,
            made_ms=said[0].made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=[Said(each, revision) for each in said],
            gaps=[],
        )
        entry_id = f"{logged_ms}-{self._batch - START_MS}"
        self._client.xadd(keys.log(SIGNALS), {"entry": entry.pack()}, id=entry_id)
        while self._recorder.step():
            pass


def spoken(symbol: str = "BTCUSDT", **changes: Any) -> Spoken:
    given: dict[str, Any] = {
        "at_ms": START_MS,
        "venue": "binance",
        "live": True,
        "confidence": 0.78,
    }
    return signal(symbol, **(given | changes))


def symbols(bot: Receiver) -> list[str]:
    return [str(each.json["data"]["symbol"]) for each in bot.received if _of_signal(each)]


def _of_signal(received: Received) -> bool:
    return str(received.json["type"]).startswith("signal.")
