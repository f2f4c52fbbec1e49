"""A candle close's signals for each kind of socket, and in a slow socket's queue."""

import json
from typing import Any

import pytest

from dashboard.group_messages import GroupMessageError
from dashboard.outbox import Frame, Outbox
from dashboard.signal_batch import SignalBatch
from inference.signals.signal import Signal, SignalError
from inference.vocabulary import SignalReason
from tests.signals import VENUE, batch_message, no_signal, signal
from tests.unit.outboxes import taken

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
AT_MS = 1_700_000_100_000


def batch(seq: int, *said: Signal | SignalError) -> SignalBatch:
    return SignalBatch.from_message(batch_message(seq, *said))


def read(frame: Frame | None) -> dict[str, Any]:
    assert frame is not None
    return dict(json.loads(frame.text))


def test_batch_for_all_symbols_is_one_frame_with_signals_and_errors() -> None:
    late = no_signal(ETH, code=SignalReason.CANDLE_LATE)
    said = batch(7, signal(BTC, at_ms=AT_MS), late, signal(SOL, at_ms=AT_MS))
    frame = read(said.frame(frozenset({BTC, ETH}), single=False))
    assert frame == {
        "type": "signals",
        "seq": 7,
        "venue": VENUE,
        "live": False,
        "timeframe": "15m",
        "data": [signal(BTC, at_ms=AT_MS).frame(7)],
        "errors": [late.item()],
    }


def test_batch_for_one_symbol_is_its_signal_or_its_error() -> None:
    said = batch(7, signal(BTC, at_ms=AT_MS), no_signal(ETH))
    bitcoin = read(said.frame(frozenset({BTC}), single=True))
    assert bitcoin == {"type": "signal", "data": signal(BTC, at_ms=AT_MS).frame(7)}
    ether = read(said.frame(frozenset({ETH}), single=True))
    whose = {"venue": "simulated", "live": False}
    assert ether == {"type": "signal_error", **whose, "data": no_signal(ETH).item()}


@pytest.mark.parametrize("single", [True, False])
def test_batch_for_who_follows_none_of_its_symbols_is_nothing(single: bool) -> None:
    assert batch(7, signal(BTC, at_ms=AT_MS)).frame(frozenset({ETH}), single=single) is None


@pytest.mark.parametrize("field", ["seq", "venue", "live", "timeframe", "frames", "errors"])
def test_batch_message_with_a_wrong_field_is_refused_by_name(field: str) -> None:
    message = batch_message(7, signal(BTC, at_ms=AT_MS)) | {field: None}
    with pytest.raises(GroupMessageError, match=f"signals message: {field}"):
        SignalBatch.from_message(message)


def test_slow_socket_keeps_of_each_symbol_and_timeframe_only_the_newest() -> None:
    outbox = held_outbox()
    follows = frozenset({BTC, ETH, SOL})
    rounds: list[tuple[Signal | SignalError, ...]] = [
        (signal(BTC, at_ms=AT_MS), signal(ETH, at_ms=AT_MS)),
        (signal(BTC, at_ms=AT_MS + 900_000), no_signal(ETH)),
        (signal(BTC, at_ms=AT_MS + 1_800_000), signal(ETH, at_ms=AT_MS + 1_800_000)),
        (no_signal(BTC),),
    ]
    for seq, said in enumerate(rounds):
        frame = batch(seq, *said).frame(follows, single=False)
        assert frame is not None
        outbox.offer(frame)
    outbox.acknowledge(3)
    kept = [json.loads(text) for text in taken(outbox)]
    # Of the second, the error of ETH is the newest error there is; the third has both signals.
    assert [frame["seq"] for frame in kept] == [1, 2, 3]


def test_slow_socket_is_bounded_by_the_signals_there_are() -> None:
    outbox = held_outbox()
    for seq in range(1_000):
        said = signal(BTC if seq % 2 else ETH, at_ms=AT_MS + seq * 900_000)
        frame = batch(seq, said).frame(frozenset({BTC, ETH}), single=False)
        assert frame is not None
        outbox.offer(frame)
    assert len(outbox) == 2
    outbox.acknowledge(3)
    assert [json.loads(text)["seq"] for text in taken(outbox)] == [998, 999]


def held_outbox() -> Outbox:
    outbox = Outbox()
    outbox.offer(Frame("tick", "", 1))
    taken(outbox)
    outbox.acknowledge(1)
    for seq in (2, 3):
        outbox.offer(Frame("tick", "", seq))
    taken(outbox)
    assert outbox.held
    return outbox
