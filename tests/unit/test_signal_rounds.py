"""When a batch is due, and what of its answers is said."""

import pytest

from inference.handover.chain import EntryFormatError
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.judging import judge
from inference.signals.rounds import GRACE_MS, LATE_MS, LONGEST_WAIT_MS, Due, Round
from inference.signals.signal import SignalState, signal_error
from inference.vocabulary import SignalReason
from tests.signal_loops import DAY_MS, M15, SYMBOLS, VENUE, make_signal

OPEN_MS = DAY_MS - M15.ms
NOW_MS = DAY_MS + 1_000


def closed(now_ms: float = DAY_MS) -> Round:
    """Return a round whose candle before was heard of for every coin."""
    round_ = Round(M15, SYMBOLS)
    round_.advance(DAY_MS - 1)
    round_.due(DAY_MS - 1, 0)
    for symbol in SYMBOLS:
        round_.heard(symbol, OPEN_MS - M15.ms)
    assert round_.advance(now_ms)
    return round_


def test_round_all_arrived_is_due_at_once():
    round_ = closed()
    for wall_ms, symbol in enumerate(SYMBOLS[:2]):
        round_.arrive(symbol, OPEN_MS, wall_ms)
    assert round_.due(DAY_MS, 2) is None
    round_.arrive(SYMBOLS[2], OPEN_MS, 3)
    assert round_.due(DAY_MS, 3) == Due(OPEN_MS, SYMBOLS, frozenset(SYMBOLS), final=False)
    assert round_.due(DAY_MS, 4) is None


def test_round_straggler_is_waited_for_a_short_grace():
    round_ = closed()
    round_.arrive("BTCUSDT", OPEN_MS, 10)
    assert round_.wait_ms(10) == GRACE_MS
    assert round_.due(DAY_MS, 10 + GRACE_MS - 1) is None
    due = round_.due(DAY_MS, 10 + GRACE_MS)
    assert due is not None and due.symbols == ("BTCUSDT",)


def test_round_steady_arrivals_are_not_waited_for_beyond_the_longest_wait():
    round_ = closed()
    for wall_ms in range(0, int(LONGEST_WAIT_MS), 100):
        round_.arrive("BTCUSDT", OPEN_MS, wall_ms if wall_ms == 0 else 0)
        round_.arrive("ETHUSDT", OPEN_MS, wall_ms)
        assert round_.due(DAY_MS, wall_ms) is None
    assert round_.due(DAY_MS, LONGEST_WAIT_MS) is not None


def test_round_late_candles_are_final_once():
    round_ = closed()
    for symbol in SYMBOLS[:2]:
        round_.heard(symbol, OPEN_MS)
    assert round_.due(DAY_MS + LATE_MS - 1, 0) is None
    due = round_.due(DAY_MS + LATE_MS, 0)
    assert due == Due(OPEN_MS, (SYMBOLS[2],), frozenset(), final=True)
    assert round_.due(DAY_MS + LATE_MS + 1, 0) is None


def test_round_first_seen_late_tries_at_once_and_gives_the_feed_its_time():
    round_ = Round(M15, SYMBOLS)
    now_ms = DAY_MS + 10 * 60_000
    assert round_.advance(now_ms)
    due = round_.due(now_ms, 0)
    assert due is not None and not due.final
    assert round_.due(now_ms + LATE_MS - 1, 0) is None
    due = round_.due(now_ms + LATE_MS, 0)
    assert due is not None and due.final


def test_round_skipped_candles_are_counted_once():
    round_ = closed()
    round_.heard("BTCUSDT", OPEN_MS)
    assert round_.advance(DAY_MS + 3 * M15.ms)
    # Two candles lie between for BTC, and the one that was never heard of for the others.
    assert round_.missed == 2 + 3 + 3
    assert not round_.advance(DAY_MS + 3 * M15.ms + 1)
    assert round_.missed == 8


def test_round_unknown_coin_and_wrong_time_change_nothing():
    round_ = closed()
    round_.arrive("DOGEUSDT", OPEN_MS, 0)
    assert round_.due(DAY_MS, 10_000) is None
    assert not round_.advance(DAY_MS - M15.ms)


def test_round_told_coins_are_asked_again_when_models_may_have_come():
    round_ = closed()
    for symbol in SYMBOLS:
        round_.heard(symbol, OPEN_MS)
    round_.told["ETHUSDT"] = "model_missing"
    round_.try_told()
    due = round_.due(DAY_MS, 0)
    assert due is not None and due.symbols == ("ETHUSDT",) and not due.final
    assert round_.due(DAY_MS, 0) is None


def test_round_coin_that_is_not_traded_is_not_waited_for_and_told_with_the_others():
    round_ = closed()
    round_.bar({"SOLUSDT", "ANOTHER"})
    turned = round_.due(DAY_MS, 0)
    assert turned is not None and turned.symbols == ("SOLUSDT",) and not turned.final
    assert round_.advance(DAY_MS + M15.ms)
    round_.bar({"SOLUSDT"})
    assert round_.due(DAY_MS + M15.ms, 0) is None
    for symbol in SYMBOLS[:2]:
        round_.arrive(symbol, DAY_MS, 1)
    due = round_.due(DAY_MS + M15.ms, 1)
    assert due is not None and due.symbols == SYMBOLS


def test_round_coin_that_is_traded_again_is_asked_for_at_once_and_waited_for():
    round_ = closed()
    round_.bar({"SOLUSDT"})
    round_.due(DAY_MS, 0)
    round_.heard("SOLUSDT", OPEN_MS)
    round_.bar(())
    due = round_.due(DAY_MS, 0)
    assert due is not None and due.symbols == ("SOLUSDT",)
    assert "SOLUSDT" in round_.waiting


def due(*, arrived: tuple[str, ...] = (), final: bool = False) -> Due:
    return Due(OPEN_MS, SYMBOLS, frozenset(arrived), final)


def test_judge_older_candle_is_never_said_and_late_where_it_is_final():
    older = make_signal("BTCUSDT", candle_open_ms=OPEN_MS - M15.ms)
    known = {"BTCUSDT": SignalState(signal=older)}
    early = judge(closed(), due(), [older], known, now_ms=NOW_MS, market_named=True)
    assert not early.states and not early.gaps
    late = judge(closed(), due(final=True), [older], known, now_ms=NOW_MS, market_named=True)
    assert not late.signals
    assert late.gaps[0].code is SignalReason.CANDLE_LATE
    assert late.states["BTCUSDT"].signal == older


def test_judge_reason_is_told_once_where_the_candle_has_come():
    round_ = closed()
    error = signal_error("BTCUSDT", M15, SignalReason.NOT_ENOUGH_HISTORY, "150 of 210")
    assert not judge(round_, due(), [error], {}, now_ms=NOW_MS, market_named=True).gaps
    told = judge(round_, due(arrived=("BTCUSDT",)), [error], {}, now_ms=NOW_MS, market_named=True)
    assert [gap.code for gap in told.gaps] == [SignalReason.NOT_ENOUGH_HISTORY]
    assert "150 of 210" in told.gaps[0].message
    round_.told["BTCUSDT"] = error.code
    assert not judge(
        round_, due(arrived=("BTCUSDT",)), [error], {}, now_ms=NOW_MS, market_named=True
    ).gaps


def test_judge_error_leaves_a_signal_of_the_same_candle_alone():
    known = {"BTCUSDT": SignalState(signal=make_signal())}
    error = signal_error("BTCUSDT", M15, SignalReason.CANDLE_GAP)
    verdict = judge(
        closed(), due(arrived=("BTCUSDT",)), [error], known, now_ms=NOW_MS, market_named=True
    )
    assert not verdict.states


def test_judge_restated_candle_is_one_revision_higher_and_the_same_one_is_not_said():
    known = {"BTCUSDT": SignalState(signal=make_signal(provisional=True), revision=2)}
    same = judge(
        closed(), due(), [make_signal(provisional=True)], known, now_ms=NOW_MS, market_named=True
    )
    assert same.repeated == ["BTCUSDT"] and not same.states
    confirmed = judge(closed(), due(), [make_signal()], known, now_ms=NOW_MS, market_named=True)
    assert confirmed.signals[0].revision == confirmed.states["BTCUSDT"].revision == 3


def test_judge_coin_that_is_not_traded_is_told_at_once_beside_what_can_still_be_entered():
    known = {"BTCUSDT": SignalState(signal=make_signal())}
    error = signal_error("BTCUSDT", M15, SignalReason.SYMBOL_HALTED)
    verdict = judge(closed(), due(), [error], known, now_ms=NOW_MS, market_named=True)
    assert [gap.code for gap in verdict.gaps] == [SignalReason.SYMBOL_HALTED]
    assert verdict.states["BTCUSDT"].signal == make_signal()
    expired_ms = make_signal().valid_until_ms
    verdict = judge(closed(), due(), [error], known, now_ms=expired_ms, market_named=True)
    assert verdict.states["BTCUSDT"].signal is None


def test_judge_coin_that_is_traded_again_within_its_candle_is_one_revision_higher():
    halted = signal_error("BTCUSDT", M15, SignalReason.SYMBOL_HALTED)
    known = {"BTCUSDT": SignalState(signal=make_signal(), revision=1)}
    late_ms = make_signal().valid_until_ms
    known = judge(closed(), due(), [halted], known, now_ms=late_ms, market_named=True).states
    again = judge(closed(), due(), [make_signal()], known, now_ms=late_ms, market_named=True)
    assert [said.revision for said in again.signals] == [2]
    assert again.states["BTCUSDT"] == SignalState(signal=make_signal(), revision=2)
    of_next = Due(OPEN_MS + M15.ms, SYMBOLS, frozenset(), final=False)
    newer = make_signal(candle_open_ms=of_next.open_ms)
    first = judge(closed(), of_next, [newer], known, now_ms=late_ms, market_named=True)
    assert [said.revision for said in first.signals] == [0]


def test_judge_missing_candle_of_a_feed_that_is_down_is_not_called_late():
    older = make_signal("BTCUSDT", candle_open_ms=OPEN_MS - M15.ms)
    known = {"BTCUSDT": SignalState(signal=older)}
    early = judge(closed(), due(), [older], known, now_ms=NOW_MS, market_named=True, feed_down=True)
    assert not early.gaps
    late = judge(
        closed(), due(final=True), [older], known, now_ms=NOW_MS, market_named=True, feed_down=True
    )
    assert [gap.code for gap in late.gaps] == [SignalReason.FEED_DOWN]
    assert late.states["BTCUSDT"].signal is None


def entry() -> BatchEntry:
    return BatchEntry(
        venue=VENUE, live=False, batch=7, timeframe=M15, made_ms=DAY_MS, missed=3, shard=0,
        token=9, prev=b"p" * 32, signals=[Said(make_signal(), 1)],
        gaps=[Gap("ETHUSDT", OPEN_MS, SignalReason.CANDLE_LATE, "late")],
    )  # fmt: skip


def test_entry_unpacked_is_what_was_packed():
    assert BatchEntry.unpack(entry().pack()) == entry()


@pytest.mark.parametrize(
    "packed",
    [b"", b"\xc1", b"\x90", entry().pack()[:-3], entry().pack() + b"x", b"\x91\x02"],
)
def test_entry_garbage_is_refused(packed):
    with pytest.raises(EntryFormatError):
        BatchEntry.unpack(packed)


def test_entry_of_another_format_is_refused_by_its_number():
    other = entry()
    other.format = 2
    with pytest.raises(EntryFormatError, match="format is 2"):
        BatchEntry.unpack(other.pack())
