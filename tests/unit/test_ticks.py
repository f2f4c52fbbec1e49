"""Reading group messages, and the order of their sequence numbers."""

from typing import Any

import pytest

from dashboard.group_messages import GroupMessageError
from dashboard.ticks import Continuity, Tick, Verdict


def tick(seq: int, *symbols: str, venue: str = "simulated") -> Tick:
    frames = {symbol: "{}" for symbol in symbols or ("BTCUSDT",)}
    return Tick(seq, venue, False, seq * 2_000, frames)


def test_continuity_consecutive_ticks_follow() -> None:
    continuity = Continuity()
    assert [continuity.observe(tick(seq)) for seq in (5, 6, 7)] == [Verdict.NEXT] * 3


def test_continuity_skipped_number_is_a_gap_once() -> None:
    continuity = Continuity()
    verdicts = [continuity.observe(tick(seq)) for seq in (5, 8, 9)]
    assert verdicts == [Verdict.NEXT, Verdict.GAP, Verdict.NEXT]


def test_continuity_same_or_earlier_number_is_a_repetition() -> None:
    continuity = Continuity()
    verdicts = [continuity.observe(tick(seq)) for seq in (5, 5, 4, 6)]
    assert verdicts == [Verdict.NEXT, Verdict.REPEATED, Verdict.REPEATED, Verdict.NEXT]


def test_continuity_loops_that_share_symbols_do_not_disturb_each_other() -> None:
    continuity = Continuity()
    ticks = [tick(5, "BTCUSDT"), tick(5, "ETHUSDT"), tick(6, "ETHUSDT"), tick(6, "BTCUSDT")]
    assert {continuity.observe(each) for each in ticks} == {Verdict.NEXT}


def test_continuity_other_venue_is_a_gap() -> None:
    continuity = Continuity()
    continuity.observe(tick(5))
    assert continuity.observe(tick(2, venue="replay/a/1")) is Verdict.GAP


def test_continuity_count_that_begins_anew_is_a_gap() -> None:
    continuity = Continuity()
    continuity.observe(tick(500_000))
    assert continuity.observe(tick(3)) is Verdict.GAP


def message(**changes: Any) -> dict[str, Any]:
    fields = {"type": "tick", "seq": 1, "venue": "v", "live": True, "tick_ms": 2, "frames": {}}
    return fields | changes


def test_tick_message_in_the_contract_is_read() -> None:
    assert Tick.from_message(message(frames={"BTCUSDT": "{}"})).frames == {"BTCUSDT": "{}"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", "7"), ("venue", None), ("live", "yes"), ("tick_ms", 1.5), ("frames", [])],
)
def test_tick_message_with_wrong_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(GroupMessageError, match=field):
        Tick.from_message(message(**{field: value}))
