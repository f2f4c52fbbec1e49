"""Candles that an exchange was asked for and has not: remembered, so that nobody asks for ever.

One file a venue, `<root>/<venue>/absent.json`: `{"BTCUSDT/15m": [[first_ms, last_ms], …]}`, opens
of the first and last candle of each hole. Written and read by the backfill.
"""

import json
from pathlib import Path

import numpy as np

from market.candles.series import Flags, Integers
from market.candles.store import folder_name
from market.candles.timeframes import Timeframe
from market.files import replace_whole

FILE_NAME = "absent.json"

_Span = tuple[int, int]


class AbsentCandles:
    """What one venue has not. Raises ValueError for a venue without a name."""

    def __init__(self, root: Path, venue: str) -> None:
        self.path = root / folder_name(venue) / FILE_NAME
        self._spans = _read(self.path)

    def among(self, symbol: str, timeframe: Timeframe, opens_ms: Integers) -> Flags:
        """Return which of `opens_ms` [n] are known to be absent."""
        found = np.zeros(len(opens_ms), np.bool_)
        for first_ms, last_ms in self._spans.get(_key(symbol, timeframe), []):
            found |= (opens_ms >= first_ms) & (opens_ms <= last_ms)
        return found

    def remember(self, symbol: str, timeframe: Timeframe, opens_ms: Integers) -> None:
        """Add candles, by their opens [n], rising. Raises OSError where it cannot be written."""
        if not len(opens_ms):
            return
        steps = np.flatnonzero(np.diff(opens_ms) > timeframe.ms)
        firsts = opens_ms[np.concatenate([[0], steps + 1])].tolist()
        lasts = opens_ms[np.concatenate([steps, [len(opens_ms) - 1]])].tolist()
        key = _key(symbol, timeframe)
        spans = [*self._spans.get(key, []), *zip(firsts, lasts, strict=True)]
        self._spans[key] = _merged(spans, timeframe.ms)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(sorted(self._spans.items())), indent=1)
        replace_whole(self.path, lambda file: file.write(text.encode()))


def _key(symbol: str, timeframe: Timeframe) -> str:
    return f"{symbol}/{timeframe}"


def _merged(spans: list[_Span], step_ms: int) -> list[_Span]:
    merged: list[_Span] = []
    for first_ms, last_ms in sorted(spans):
        if merged and first_ms <= merged[-1][1] + step_ms:
            merged[-1] = merged[-1][0], max(merged[-1][1], last_ms)
        else:
            merged.append((first_ms, last_ms))
    return merged


def _read(path: Path) -> dict[str, list[_Span]]:
    try:
        told = json.loads(path.read_bytes())
        return {
            str(key): [(int(first), int(last)) for first, last in spans]
            for key, spans in told.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # they are asked for once more, and remembered again
