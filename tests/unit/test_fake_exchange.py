"""The fake exchange without its server: frames, rounds, candles, faults."""

import gzip
import time
from itertools import islice
from types import SimpleNamespace

import pytest

from market.events import DepthDiff, to_units
from market.fake_exchange.candles import CandleBook, Kline
from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.faults import FaultKind, parse_fault, read_fault
from market.fake_exchange.frames import Kind, Stamp, parse, render
from market.fake_exchange.player import Player
from market.fake_exchange.reel import Reel
from market.fake_exchange.staging import ExchangePlan
from market.feeds import FeedError
from market.feeds.replay import recording_files
from market.feeds.wire import parse_frame
from market.hot.book import OrderBook
from tests.recordings import BTC_FUTURES, BTC_SPOT, ETH_SPOT, NEXO_SPOT, recording

MINUTE = 60_000


def first_lines(name, count):
    with gzip.open(recording_files(recording(name))[0], "rb") as stream:
        return list(islice(stream, count))


@pytest.fixture
def short_reel(tmp_path):
    """The first 900 frames of the BTC recording."""
    path = tmp_path / "short.gz"
    path.write_bytes(gzip.compress(b"".join(first_lines(BTC_SPOT, 900))))
    return Reel(path)


@pytest.mark.parametrize("name", [BTC_SPOT, ETH_SPOT, NEXO_SPOT])
def test_render_with_nothing_moved_gives_the_recorded_bytes(name):
    rendered = 0
    for line in first_lines(name, 1_500):
        frame = parse(line)
        assert frame is not None, line[:120]
        if frame.kind is Kind.SNAPSHOT:
            continue
        stamp = Stamp(frame.event_ms, frame.trade_ms, frame.first_id, frame.last_id)
        recorded = line.partition(b'"data":')[2].strip().removesuffix(b"}")
        assert render(frame, frame.symbol, stamp) == recorded
        rendered += 1
    assert rendered > 1_400


def test_render_for_another_symbol_tells_its_name_ids_and_times():
    frame = next(f for f in map(parse, first_lines(BTC_SPOT, 20)) if f and f.kind is Kind.TRADE)
    data = render(frame, b"XRPUSDT", Stamp(1_000, 999, 0, 7))
    assert data.startswith(b'{"e":"trade","E":1000,"s":"XRPUSDT","t":7,"p":"61837.63000000",')
    assert b'"T":999,"m":true,' in data


def test_reel_tells_steps_of_price_and_size(short_reel):
    assert (short_reel.symbol, short_reel.tick, short_reel.lot) == ("BTCUSDT", 1_000_000, 1_000)
    assert 1_250 < short_reel.clock_ahead_ms < 1_290


def test_reel_of_futures_is_refused_by_name():
    with pytest.raises(FeedError, match=BTC_FUTURES):
        Reel(recording(BTC_FUTURES))


def test_reel_of_no_recording_is_refused_by_name(tmp_path):
    with pytest.raises(FeedError, match=tmp_path.name):
        Reel(tmp_path)


def test_player_over_three_rounds_keeps_ids_rising_and_every_client_book_right(short_reel):
    player = Player(short_reel, ("BTCUSDT",), loop=True)
    book, newest_id, trade_id = OrderBook(), 0, 0
    book.apply_snapshot(player.snapshot("BTCUSDT"))
    while player.rounds < 3:
        served = player.take()
        frame, stamp = served.frame, served.stamp
        if frame.kind is Kind.TRADE:
            assert stamp.last_id > trade_id
            trade_id = stamp.last_id
        elif frame.kind is Kind.TICKER:
            assert stamp.last_id > newest_id
            newest_id = stamp.last_id
        else:
            diff = parse_frame(b'0 {"stream":"x@depth","data":%b}' % render(
                frame, b"BTCUSDT", stamp), "")  # fmt: skip
            assert isinstance(diff, DepthDiff)
            book.apply_diff(diff)
            assert (book.gaps, book.crossed) == (0, 0)
            if stamp.last_id >= book.last_id:
                assert book.bids.sizes == player.book.bids.sizes
                assert book.asks.sizes == player.book.asks.sizes


def test_player_without_loop_ends_with_the_recording(short_reel):
    player = Player(short_reel, ("BTCUSDT",), loop=False)
    while player.peek() is not None:
        player.take()
    assert player.due_ns() is None
    with pytest.raises(IndexError):
        player.take()


def test_exchange_gives_symbols_their_own_recording_and_the_others_in_turn():
    plan = ExchangePlan(
        (recording(BTC_SPOT), recording(ETH_SPOT)),
        ("ETHUSDT", "XRPUSDT", "SOLUSDT", "BTCUSDT", "ADAUSDT"),
        lock_step=True,
    )
    exchange = FakeExchange(plan)
    played = {symbol: exchange.player(symbol).reel.symbol for symbol in exchange.symbols}
    assert played == {
        "ETHUSDT": "ETHUSDT",
        "XRPUSDT": "BTCUSDT",
        "SOLUSDT": "ETHUSDT",
        "BTCUSDT": "BTCUSDT",
        "ADAUSDT": "BTCUSDT",
    }


def test_exchange_in_lock_step_sends_recordings_merged_by_receive_time():
    paths = (recording(BTC_SPOT), recording(ETH_SPOT))
    exchange = FakeExchange(ExchangePlan(paths, lock_step=True, as_recorded=True))
    until_ns = exchange.player("BTCUSDT").reel.start_ns + 2_000_000_000
    lines = [line for name in (BTC_SPOT, ETH_SPOT) for line in first_lines(name, 2_000)]
    frames = [frame for frame in map(parse, lines) if frame and frame.recv_ns <= until_ns]
    assert exchange.send_until(until_ns) == sum(f.kind is not Kind.SNAPSHOT for f in frames)
    assert exchange.send_until(until_ns) == 0
    assert exchange.player("BTCUSDT").recorded_ns() > until_ns
    assert exchange.player("ETHUSDT").recorded_ns() > until_ns


def test_candle_book_without_trades_repeats_the_last_close():
    book = CandleBook()
    book.trade("100.0", "2.0", 1, 10 * MINUTE + 5, buyer_took=True)
    book.trade("90.0", "1.0", 2, 10 * MINUTE + 6, buyer_took=False)
    book.advance(12 * MINUTE)
    quiet = Kline(11 * MINUTE, *[to_units(90.0)] * 4)
    assert book.candle("1m", 11 * MINUTE) == quiet
    whole = book.candle("5m", 10 * MINUTE)
    assert whole == Kline(
        10 * MINUTE,
        to_units(100.0),
        to_units(100.0),
        to_units(90.0),
        to_units(90.0),
        volume=to_units(3.0),
        quote=to_units(290.0),
        taker_volume=to_units(2.0),
        taker_quote=to_units(200.0),
        first_id=1,
        last_id=2,
        trades=2,
    )


def test_candle_book_told_of_a_late_trade_counts_it_in_its_own_minute():
    book = CandleBook()
    book.trade("100.0", "1.0", 1, 10 * MINUTE, buyer_took=True)
    book.advance(11 * MINUTE + 300)
    book.trade("101.0", "1.0", 2, 11 * MINUTE - 1, buyer_took=True)
    assert [each.trades for each in book.all("1m")] == [2, 0]


def test_parse_fault_reads_kind_fields_and_begin():
    begins, fault = parse_fault("silent:at=2.5,seconds=5,symbol=BTCUSDT,pongs=false")
    assert begins == 2.5
    assert (fault.kind, fault.seconds, fault.symbol) == (FaultKind.SILENT, 5.0, "BTCUSDT")
    assert not fault.pongs


@pytest.mark.parametrize(
    ("text", "named"),
    [("quake", "kinds are drop"), ("silent:for=3", "'for'"), ("silent:at=soon", "at=soon")],
)
def test_parse_fault_of_nonsense_names_it(text, named):
    with pytest.raises(ValueError, match=named):
        parse_fault(text)


def test_read_fault_of_a_wrong_type_names_the_field():
    with pytest.raises(ValueError, match="count"):
        read_fault({"kind": "skip", "count": "many"})


def test_burst_that_could_not_be_sent_in_time_ends_with_its_fault(monkeypatch):
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr("market.fake_exchange.exchange.time", clock)
    exchange = FakeExchange(ExchangePlan((recording(BTC_SPOT),)))
    exchange.turn()
    burst = exchange.begin(read_fault({"kind": "burst", "factor": 1_000}))
    now[0] += 1.0
    exchange.turn()
    flooded = exchange.frames
    exchange.end(burst)
    now[0] += 0.02
    exchange.turn()
    assert flooded > 500
    assert exchange.frames - flooded < 50
