"""A market and who speaks of it, for the tests of signals' outcomes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import SIGNALS
from market import keys
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.candle_bars import CLOSE_MS
from tests.integration.signal_outcomes.graded_market import M15, Market
from tests.signal_loops import VENUE


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


@pytest.fixture
def say(binary: redis.Redis) -> Any:
    """Return what hands signals over as the loop does, and stores them as the recorder does."""
    numbers = iter(range(1, 10_000))

    def say(
        *said: Said,
        venue: str = VENUE,
        live: bool = False,
        gaps: Sequence[Gap] = (),
        made_ms: int = 0,
    ) -> None:
        entry = BatchEntry(
            venue=venue,
            live=live,
            batch=next(numbers),
            timeframe=said[0].signal.timeframe if said else M15,
            made_ms=made_ms or said[0].signal.made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=list(said),
            gaps=list(gaps),
        )
        reached = f"{max(CLOSE_MS, made_ms) + entry.batch}-0"
        binary.xadd(keys.log(SIGNALS), {"entry": entry.pack()}, id=reached)
        recorder = SignalRecorder(LogReader(binary, SIGNALS, "one"))
        while recorder.step():
            pass

    return say
