"""Recorded frames as events: formats, faults, cells."""

import gzip

import pytest

from market.events import BookTicker, DepthDiff, DepthSnapshot, Disconnected, Heartbeat, Trade
from market.feeds import FeedError
from market.feeds.grid import cell_end_ms
from market.feeds.replay import ReplayFeed
from market.feeds.wire import FrameError, parse_frame

TICKER = (
    b'1723161254087891268 {"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT",'
    b'"b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}\n'
)
TRADE = (
    b'1723161254087896568 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,'
    b'"s":"BTCUSDT","t":11,"p":"61837.63000000","q":"0.02000000","T":1,"m":true,"M":true}}\n'
)


START_S = 1_700_000_000


def ticker_at(seconds: float, update_id: int = 1, bid: str = "100") -> bytes:
    return (
        f"{START_S * 10**9 + round(seconds * 1e9)} "
        f'{{"stream":"x@bookTicker","data":{{"u":{update_id},"s":"XUSDT",'
        f'"b":"{bid}","B":"1","a":"200","A":"1"}}}}\n'
    ).encode()


def write(path, *lines: bytes):
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


def test_parse_frame_of_ticker_gives_exact_units():
    event = parse_frame(TICKER, "")
    assert event == BookTicker(
        "BTCUSDT", 1723161254087891268, None, 7,
        6183763000000, 378826000, 6183764000000, 154698000,
    )  # fmt: skip


def test_parse_frame_of_trade_names_the_taker():
    event = parse_frame(TRADE, "")
    assert isinstance(event, Trade)
    assert (event.exchange_ms, event.trade_id, event.buyer_initiated) == (1723161255343, 11, False)


def test_parse_frame_in_microseconds_is_scaled():
    event = parse_frame(
        b'1721749182850494 {"lastUpdateId": 5, "bids": [["1.2", "3"]], "asks": []}', "NEXOUSDT"
    )
    assert isinstance(event, DepthSnapshot)
    assert (event.recv_ns, event.symbol) == (1721749182850494000, "NEXOUSDT")
    assert event.bids == [(120_000_000, 300_000_000)]


def test_parse_frame_of_futures_diff_keeps_previous_id():
    event = parse_frame(
        b'1723161254087891268 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":1,'
        b'"s":"BTCUSDT","U":3,"u":9,"pu":2,"b":[["5","0.000"]],"a":[]}}',
        "",
    )
    assert isinstance(event, DepthDiff)
    assert (event.first_id, event.last_id, event.prev_id) == (3, 9, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage\n",
        b"12x {}\n",
        TICKER[:80],
        TICKER.replace(b"61837.63000000", b"NaN"),
        TICKER.replace(b"61837.63000000", b"inf"),
        TICKER.replace(b"61837.63000000", b"-1"),
        TRADE.replace(b'"0.02000000"', b'"0"'),
        TRADE.replace(b"btcusdt@trade", b"btcusdt@kline"),
        b'1723161254087891268 {"lastUpdateId": 5, "bids": [["-1", "3"]], "asks": []}',
    ],
)
def test_parse_frame_of_garbage_is_refused(line):
    with pytest.raises(FrameError):
        parse_frame(line, "X")


def test_replay_with_corrupt_lines_counts_and_goes_on(tmp_path):
    path = write(tmp_path / "a.gz", TICKER, b"\xff\xfe nonsense\n", TRADE[:60] + b"\n", TRADE)
    feed = ReplayFeed([path])
    events = [event for batch in feed.batches() for event in batch.events]
    assert [type(event) for event in events] == [BookTicker, Trade]
    assert feed.faults == {"malformed": 2}


def test_replay_of_truncated_file_gives_what_it_holds(tmp_path):
    whole = gzip.compress(b"".join(ticker_at(1 + i / 100, i) for i in range(2000)))
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    feed = ReplayFeed([tmp_path])
    count = sum(len(batch.events) for batch in feed.batches())
    assert 100 < count < 2000
    assert feed.faults["truncated_file"] == 1


def test_replay_with_time_going_back_keeps_order(tmp_path):
    path = write(tmp_path / "a.gz", ticker_at(2.0, 1), ticker_at(1.5, 2), ticker_at(2.1, 3))
    feed = ReplayFeed([path])
    stamps = [event.recv_ns for batch in feed.batches() for event in batch.events]
    assert stamps == sorted(stamps)
    assert feed.faults["out_of_order"] == 1


def test_replay_yields_every_cell_and_bridges_short_silences(tmp_path):
    path = write(tmp_path / "a.gz", ticker_at(10.0), ticker_at(13.5, 2))
    batches = list(ReplayFeed([path]).batches())
    ends = [batch.until_ms for batch in batches]
    assert ends == list(range(START_S * 1000 + 10_090, START_S * 1000 + 13_600, 100))
    beats = [event for batch in batches for event in batch.events if type(event) is Heartbeat]
    assert len(beats) == 3
    for batch in batches:
        for event in batch.events:
            assert batch.until_ms - 100 < event.recv_ns / 1e6 <= batch.until_ms


def test_replay_with_long_silence_tells_of_a_broken_connection(tmp_path):
    path = write(tmp_path / "a.gz", ticker_at(10.0), ticker_at(100.0, 2))
    feed = ReplayFeed([path])
    kinds = [type(event) for batch in feed.batches() for event in batch.events]
    assert kinds == [BookTicker, Disconnected, BookTicker]
    assert feed.faults["silence"] == 1


def test_replay_of_two_recordings_merges_by_receive_time(tmp_path):
    first = write(tmp_path / "a.gz", ticker_at(1.0), ticker_at(3.0))
    second = write(tmp_path / "b.gz", ticker_at(2.0).replace(b"XUSDT", b"YUSDT"))
    feed = ReplayFeed([first, second])
    assert feed.symbols == ("XUSDT", "YUSDT")
    named = [
        event.symbol
        for batch in feed.batches()
        for event in batch.events
        if type(event) is BookTicker
    ]
    assert named == ["XUSDT", "YUSDT", "XUSDT"]


def test_replay_of_nothing_names_the_path(tmp_path):
    with pytest.raises(FeedError, match="no recording"):
        ReplayFeed([tmp_path])
    with pytest.raises(FeedError, match="no frame"):
        ReplayFeed([write(tmp_path / "a.gz", b"nothing\n")])


@pytest.mark.parametrize(
    ("recv_ms", "end"), [(90.0, 90), (90.000001, 190), (91, 190), (190, 190), (0, 90)]
)
def test_cell_end_holds_events_up_to_and_including_it(recv_ms, end):
    assert cell_end_ms(round(recv_ms * 1e6)) == end
