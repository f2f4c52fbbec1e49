"""One batch of signals as it is handed over: packed by the loop, unpacked by recorders.

A batch is what was said at one candle close of one timeframe: signals with the indicators that
they were made from, and for the other coins why they have none. The hash chain runs over the
packed bytes.
"""

import msgspec

from inference.handover.chain import GENESIS, EntryFormatError
from inference.signals.signal import Signal
from inference.vocabulary import SignalReason
from market.candles.timeframes import Timeframe

FORMAT = 1


class Said(msgspec.Struct, frozen=True):
    """A signal; revision: how many were made of the same candle before."""

    signal: Signal
    revision: int = 0


class Gap(msgspec.Struct, frozen=True):
    """A coin without a signal for a candle, and why."""

    symbol: str
    candle_open_ms: int
    code: SignalReason
    message: str


class BatchEntry(msgspec.Struct, array_like=True, kw_only=True):
    """All that was said at one close of one timeframe.

    batch: unique and rising in a venue; the sequence number that readers see. made_ms: market
    time when it was packed. missed: candles of this timeframe that closed unheard just before,
    summed over symbols.
    """

    format: int = FORMAT
    venue: str
    live: bool
    batch: int
    timeframe: Timeframe
    made_ms: int
    missed: int
    shard: int
    token: int
    prev: bytes = GENESIS
    signals: list[Said]
    gaps: list[Gap]

    def pack(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> "BatchEntry":
        """Read a packed entry. Raises EntryFormatError where it is not one."""
        try:
            entry = _DECODER.decode(packed)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EntryFormatError(f"not a batch of signals: {error}") from error
        if entry.format != FORMAT:
            raise EntryFormatError(f"entry format is {entry.format}, not {FORMAT}")
        return entry


_DECODER = msgspec.msgpack.Decoder(BatchEntry)
