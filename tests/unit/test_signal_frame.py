"""A signal's two shapes, and `sig:` as a snapshot reads it."""

from dashboard.current_signals import read_signals, signal_keys, signal_slots
from inference.signals.signal import SignalState, encode_state
from inference.vocabulary import SignalReason
from market.candles.timeframes import Timeframe
from tests.signals import no_signal, signal

AT_MS = 1_700_000_100_000


def test_frame_says_what_the_item_says_with_times_in_ms() -> None:
    said = signal(at_ms=AT_MS)
    frame, item = said.frame(7), said.item(AT_MS)
    times = {"prediction_time", "valid_until", "expired", "made_at", "candle_open", "candle_close"}
    assert {name: frame[name] for name in item if name not in times} == {
        name: value for name, value in item.items() if name not in times
    }
    assert frame["seq"] == 7
    assert frame["prediction_ts"] == said.candle_close_ms == AT_MS // 900_000 * 900_000
    assert frame["valid_until_ts"] == said.candle_close_ms + 120_000
    assert frame["made_ts"] == AT_MS
    assert frame["candle_close_ms"] - frame["candle_open_ms"] == 900_000


def test_signal_keys_are_of_every_symbol_and_timeframe() -> None:
    assert signal_keys(["BTCUSDT"]) == [f"sig:BTCUSDT:{t}" for t in ("15m", "1h", "4h", "1d")]


def test_current_signals_leave_out_what_is_absent_and_name_what_cannot_be_read() -> None:
    late = no_signal(code=SignalReason.CANDLE_LATE)
    hour = signal(timeframe=Timeframe.H1, at_ms=AT_MS)
    slots = signal_slots(["BTCUSDT", "ETHUSDT"])[:5]
    texts = [
        None,
        "not json",
        '{"signal": {"symbol": 7}}',
        encode_state(SignalState(signal=hour, error=late)).decode(),
        encode_state(SignalState(error=no_signal("ETHUSDT"))).decode(),
    ]
    current = read_signals(slots, texts)
    assert current.frames == [hour.frame()]
    *unreadable, held, last = current.errors
    assert [held, last] == [late.item(), no_signal("ETHUSDT").item()]
    assert [(each["symbol"], each["timeframe"], each["code"]) for each in unreadable] == [
        ("BTCUSDT", "1h", "signal_unreadable"),
        ("BTCUSDT", "4h", "signal_unreadable"),
    ]
    assert all(each["message"].startswith("what Redis holds") for each in unreadable)
