"""Binance's frames as events: alone, named after their stream, and recorded."""

import pytest

from market.events import BookTicker, CandleClosed, DepthDiff, DepthSnapshot, Trade
from market.feeds.wire import (
    FrameError,
    NewestTrade,
    is_market_data,
    parse_frame,
    parse_message,
    snapshot_of,
)

AT_NS = 1_723_161_254_087_891_268
TICKER = '{"u":7,"s":"BTCUSDT","b":"61837.63","B":"3.78","a":"61837.64","A":"1.54"}'
TRADE = (
    '{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":11,"p":"61837.63","q":"0.02",'
    '"T":1,"m":true,"M":true}'
)
DIFF = (
    '{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":3,"u":5,'
    '"b":[["61737.63","0.0"]],"a":[["61838.0","1.5"]]}'
)
KLINE = (
    '{"e":"kline","E":1723161255208,"s":"BTCUSDT","k":{"t":1723161240000,"T":1723161299999,'
    '"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1.5","c":"2.5","h":"3.5","l":"0.5","v":"10.25",'
    '"n":2,"x":%s,"q":"1","V":"1","Q":"1","B":"0"}}'
)


@pytest.mark.parametrize(
    ("stream", "frame", "kind"),
    [
        ("btcusdt@bookTicker", TICKER, BookTicker),
        ("btcusdt@trade", TRADE, Trade),
        ("btcusdt@depth@100ms", DIFF, DepthDiff),
    ],
)
def test_message_alone_named_or_recorded_is_the_same_event(stream, frame, kind):
    named = f'{{"stream":"{stream}","data":{frame}}}'
    alone = parse_message(frame, AT_NS)
    assert isinstance(alone, kind)
    assert alone == parse_message(named, AT_NS)
    assert alone == parse_frame(f"{AT_NS} {named}".encode(), "")
    assert is_market_data(frame) and is_market_data(named)


def test_candle_is_told_once_it_has_closed():
    assert parse_message(KLINE % "false", AT_NS) == NewestTrade("BTCUSDT", 2)
    assert parse_message(KLINE % "true", AT_NS) == CandleClosed(
        "BTCUSDT", AT_NS, 1723161255208, "1m", 1723161240000, 1.5, 3.5, 0.5, 2.5, 10.25
    )


@pytest.mark.parametrize(
    "frame",
    [
        DIFF[:60],
        TICKER.replace("61837.63", "-1"),
        TICKER.replace("3.78", "nan"),
        TRADE.replace("0.02", "0"),
        TRADE.replace('"t":11', '"t":"eleven"'),
        '{"e":"forceOrder","s":"BTCUSDT"}',
        '{"stream":"!ticker@arr","data":[]}',
        (KLINE % "true").replace('"l":"0.5"', '"l":"0"'),
    ],
)
def test_message_that_is_not_to_be_understood_is_refused(frame):
    with pytest.raises(FrameError):
        parse_message(frame, AT_NS)


@pytest.mark.parametrize("text", ['{"result":null,"id":3}', '{"error":{"code":2}}', "", "pong"])
def test_what_is_the_connections_own_is_no_market_data(text):
    assert not is_market_data(text)


def test_book_as_rest_tells_it_is_a_snapshot():
    answer = {"lastUpdateId": 5, "bids": [["1.2", "3"]], "asks": [["1.3", "4"]]}
    assert snapshot_of(answer, "BTCUSDT", AT_NS) == DepthSnapshot(
        "BTCUSDT", AT_NS, None, 5, [(120_000_000, 300_000_000)], [(130_000_000, 400_000_000)]
    )


@pytest.mark.parametrize("answer", [{}, {"lastUpdateId": 5, "bids": [["1", "-1"]], "asks": []}])
def test_book_that_is_not_to_be_understood_is_refused(answer):
    with pytest.raises(FrameError):
        snapshot_of(answer, "BTCUSDT", AT_NS)
