"""What the fake exchange says on the wire, and how each fault looks there."""

import asyncio
import gzip
import json
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import pytest
from django.core.management import CommandError, call_command

from market.fake_exchange.frames import Kind, parse
from market.fake_exchange.running import run_fake_exchange
from market.feeds.replay import recording_files
from tests.fake_exchanges import fake_exchange
from tests.ports import free_port
from tests.recordings import BTC_SPOT, ETH_SPOT, recording
from tests.waiting import PATIENCE_SECONDS, eventually

DEPTH, TRADE, TOP = "btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker"
ENDED = (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


@pytest.fixture(scope="module")
def exchange():
    paths = (recording(BTC_SPOT), recording(ETH_SPOT))
    with fake_exchange(*paths, lock_step=True, as_recorded=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(exchange):
    yield
    for fault in exchange.call(lambda each: list(each.faults.going_on)):
        exchange.end(fault)


@asynccontextmanager
async def connected(exchange, path):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(exchange.url + path, autoping=False, autoclose=False) as socket,
    ):
        if "@" in path:
            streams = path.replace("=", "/").split("/")
            await asyncio.to_thread(exchange.subscribed, *[s for s in streams if "@" in s])
        yield socket


async def heard(socket, seconds=None):
    """Return all frames up to the answer to a ping; or, with seconds, until none comes so long."""
    frames = []
    if seconds is None:
        await socket.ping(b"all?")
    while True:
        try:
            message = await socket.receive(timeout=seconds or PATIENCE_SECONDS)
        except TimeoutError:
            return frames
        if message.type is aiohttp.WSMsgType.PONG:
            return frames
        frames.append(message)
        if message.type in ENDED:
            return frames


async def depth_heard(exchange, socket, count=120):
    await asyncio.to_thread(exchange.send, count)
    frames = await heard(socket)
    return [json.loads(each.data) for each in frames if each.type is aiohttp.WSMsgType.TEXT]


def in_sequence(diffs):
    return all(b["U"] == a["u"] + 1 for a, b in pairwise(diffs))


async def get(exchange, path):
    async with aiohttp.ClientSession() as session, session.get(exchange.url + path) as answer:
        return answer.status, answer.headers, await answer.text()


async def test_stream_path_names_each_frames_stream_and_ws_path_does_not(exchange):
    async with (
        connected(exchange, f"/stream?streams={TRADE}/{TOP}") as combined,
        connected(exchange, f"/ws/{TRADE}/{TOP}") as plain,
    ):
        named = await depth_heard(exchange, combined)
        bare = [json.loads(each.data) for each in await heard(plain)]
    assert {each["stream"] for each in named} == {TRADE, TOP}
    assert [each["data"] for each in named] == bare


async def test_requests_are_answered_as_binance_answers_them(exchange):
    async with connected(exchange, "/ws/7") as socket:

        async def asked(text):
            await socket.send_str(text)
            return json.loads((await socket.receive(timeout=PATIENCE_SECONDS)).data)

        request = {"method": "SUBSCRIBE", "params": [TOP, DEPTH], "id": 3}
        assert await asked(json.dumps(request)) == {"result": None, "id": 3}
        listed = await asked('{"method":"LIST_SUBSCRIPTIONS","id":4}')
        assert listed == {"result": [TOP, DEPTH], "id": 4}
        gone = {"method": "UNSUBSCRIBE", "params": [TOP], "id": 5}
        assert await asked(json.dumps(gone)) == {"result": None, "id": 5}
        assert (await asked('{"method":"SELL","id":6}'))["error"]["code"] == 2
        assert (await asked("{"))["error"]["code"] == 3
        assert set(exchange.state()["connections"][0]["streams"]) == {DEPTH}


async def test_more_than_five_requests_a_second_end_the_connection(exchange):
    async with connected(exchange, "/ws") as socket:
        for number in range(6):
            await socket.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert (await heard(socket, PATIENCE_SECONDS))[-1].type in ENDED


async def test_ping_is_answered_with_its_own_content(exchange):
    async with connected(exchange, "/ws") as socket:
        await socket.ping(b"are you there")
        message = await socket.receive(timeout=PATIENCE_SECONDS)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"are you there")


async def test_server_pings_and_cuts_who_does_not_answer(exchange, monkeypatch):
    monkeypatch.setattr("market.fake_exchange.sessions.PING_SECONDS", 0.05)
    monkeypatch.setattr("market.fake_exchange.sessions.PONG_SECONDS", 0.2)
    async with connected(exchange, "/ws") as socket:
        frames = await heard(socket, PATIENCE_SECONDS)
    assert frames[0].type is aiohttp.WSMsgType.PING
    assert int(frames[0].data) > 1_700_000_000_000
    assert frames[-1].type in ENDED


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v3/depth?symbol=NOSUCH", -1121),
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=ten", -1100),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/exchangeInfo?symbol=NOSUCH", -1121),
    ],
)
async def test_rest_refuses_with_binances_code(exchange, path, code):
    status, _, body = await get(exchange, path)
    assert (status, json.loads(body)["code"]) == (400, code)


async def test_rest_counts_weight_as_binance_does(exchange):
    _, before, _ = await get(exchange, "/api/v3/time")
    _, after, _ = await get(exchange, "/api/v3/depth?symbol=BTCUSDT&limit=1000")
    assert int(after["X-MBX-USED-WEIGHT-1M"]) - int(before["X-MBX-USED-WEIGHT-1M"]) == 50


@pytest.mark.parametrize("status", [418, 429, 503])
async def test_status_fault_answers_rest_with_it_until_its_end(exchange, status):
    fault = exchange.begin(kind="status", status=status, retry_after=3)
    told, headers, _ = await get(exchange, "/api/v3/time")
    assert (told, headers["Retry-After"]) == (status, "3")
    exchange.end(fault)
    assert (await get(exchange, "/api/v3/time"))[0] == 200


async def test_refuse_fault_resets_connections_until_its_end(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        fault = exchange.begin(kind="refuse")
        assert (await heard(socket, PATIENCE_SECONDS))[-1].type is not aiohttp.WSMsgType.TEXT
    with pytest.raises(aiohttp.ClientError):
        await get(exchange, "/api/v3/time")
    exchange.end(fault)
    assert (await get(exchange, "/api/v3/time"))[0] == 200


async def test_fault_with_seconds_ends_by_itself_and_says_when(exchange):
    fault = exchange.begin(kind="slow", seconds=0.05, delay_seconds=0.01)
    await eventually(lambda: fault.until_ms is not None)
    told = next(each for each in exchange.state()["over"] if each["number"] == fault.number)
    assert 50 <= told["until_ms"] - told["since_ms"] < 60_000


async def test_silent_stream_loses_its_frames_while_others_go_on(exchange):
    async with connected(exchange, f"/stream?streams={DEPTH}/{TOP}") as socket:
        fault = exchange.begin(kind="silent", symbol="BTCUSDT", stream="depth@100ms")
        silent = await depth_heard(exchange, socket)
        exchange.end(fault)
        after = await depth_heard(exchange, socket)
    assert {each["stream"] for each in silent} == {TOP}
    assert {each["stream"] for each in after} == {TOP, DEPTH}


async def test_silent_without_pongs_answers_nothing(exchange):
    async with connected(exchange, "/ws") as socket:
        exchange.begin(kind="silent", pongs=False)
        await socket.ping(b"?")
        assert await heard(socket, 0.1) == []


async def test_held_frames_come_in_order_when_the_fault_ends(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        first = await depth_heard(exchange, socket)
        fault = exchange.begin(kind="hold")
        assert await depth_heard(exchange, socket) == []
        exchange.end(fault)
        later = [json.loads(each.data) for each in await heard(socket)]
    assert later
    assert in_sequence(first + later)


async def test_skip_leaves_a_gap_and_goes_on(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        exchange.begin(kind="skip", symbol="BTCUSDT", count=2)
        diffs = await depth_heard(exchange, socket, 600)
        exchange.begin(kind="skip", symbol="BTCUSDT", count=2)
        more = await depth_heard(exchange, socket, 600)
    assert in_sequence(diffs)
    assert in_sequence(more)
    assert more[0]["U"] > diffs[-1]["u"] + 1


async def test_duplicate_tells_each_frame_twice(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        exchange.begin(kind="duplicate")
        diffs = await depth_heard(exchange, socket, 300)
    assert diffs[::2] == diffs[1::2]
    assert in_sequence(diffs[::2])


async def test_reorder_swaps_neighbours_and_loses_none(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        fault = exchange.begin(kind="reorder")
        swapped = await depth_heard(exchange, socket, 300)
        exchange.end(fault)
        diffs = swapped + await depth_heard(exchange, socket, 300)
    assert not in_sequence(swapped)
    assert in_sequence(sorted(diffs, key=lambda each: each["u"]))


async def test_garbage_comes_between_frames_that_stay_whole(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        exchange.begin(kind="garbage")
        await asyncio.to_thread(exchange.send, 300)
        frames = await heard(socket)
    diffs = [json.loads(each.data) for each in frames[::2]]
    assert in_sequence(diffs)
    assert any(each.type is aiohttp.WSMsgType.BINARY for each in frames[1::2])
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(frames[3].data)


async def test_truncated_cuts_one_frame_in_half(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        exchange.begin(kind="truncated")
        await asyncio.to_thread(exchange.send, 300)
        cut, *rest = await heard(socket)
    with pytest.raises(ValueError, match="line 1"):
        json.loads(cut.data)
    assert in_sequence([json.loads(each.data) for each in rest])


async def test_cut_frame_ends_the_connection_within_a_frame(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        exchange.begin(kind="cut_frame")
        await asyncio.to_thread(exchange.send, 300)
        (last,) = await heard(socket, PATIENCE_SECONDS)
    assert last.type is not aiohttp.WSMsgType.TEXT


async def test_lifetime_closes_old_connections_with_a_goodbye(exchange):
    async with connected(exchange, "/ws") as socket:
        exchange.begin(kind="lifetime", after_seconds=0.1)
        goodbye = await socket.receive(timeout=PATIENCE_SECONDS)
    assert (goodbye.type, goodbye.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_skew_moves_the_times_of_frames_and_clock_alike(exchange):
    async with connected(exchange, f"/ws/{DEPTH}") as socket:
        (before, *_) = await depth_heard(exchange, socket)
        exchange.begin(kind="skew", offset_ms=-3_600_000)
        (after, *_) = await depth_heard(exchange, socket)
        clock = json.loads((await get(exchange, "/api/v3/time"))[2])["serverTime"]
    assert -3_600_000 < after["E"] - before["E"] < -3_590_000
    assert abs(clock - after["E"]) < 10_000


async def test_control_path_begins_tells_and_ends_faults(exchange):
    url = exchange.url + "/fake"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/faults", json={"kind": "slow", "seconds": 60}) as answer:
            begun = await answer.json()
            assert answer.status == 201
        async with session.get(f"{url}/state") as answer:
            assert [each["number"] for each in (await answer.json())["faults"]] == [begun["number"]]
        async with session.delete(f"{url}/faults/{begun['number']}") as answer:
            assert (await answer.json())[0]["until_ms"] >= begun["since_ms"]
        async with session.post(f"{url}/faults", json={"kind": "quake"}) as answer:
            assert answer.status == 400
            assert "quake" in (await answer.json())["error"]


async def test_kline_stream_closes_each_minute_with_its_recorded_trades():
    with fake_exchange(recording(BTC_SPOT), lock_step=True, as_recorded=True) as exchange:
        started_ns = exchange.call(lambda each: each.player("BTCUSDT").reel.start_ns)
        async with connected(exchange, "/ws/btcusdt@kline_1m") as socket:
            for seconds in range(0, 120, 10):
                until_ns = started_ns + seconds * 1_000_000_000
                await asyncio.to_thread(exchange.send_until, until_ns)
            told = [json.loads(each.data)["k"] for each in await heard(socket)]
    closed = [candle for candle in told if candle["x"]]
    assert len(closed) == 2
    trades = [
        frame for frame in recorded_trades() if frame.trade_ms // 60_000 == closed[1]["t"] // 60_000
    ]
    prices = [float(trade.price) for trade in trades]
    assert [float(closed[1][each]) for each in "ohlc"] == [
        prices[0], max(prices), min(prices), prices[-1],
    ]  # fmt: skip
    assert closed[1]["n"] == len(trades)
    assert float(closed[1]["v"]) == pytest.approx(sum(float(trade.size) for trade in trades))


def recorded_trades():
    (first, _) = recording_files(recording(BTC_SPOT))
    with gzip.open(first, "rb") as stream:
        return [frame for frame in map(parse, stream) if frame and frame.kind is Kind.TRADE]


async def test_command_serves_until_it_is_stopped():
    port, said, stop = free_port(), [], asyncio.Event()
    options = {
        "port": port,
        "symbols": ["xrp-usdt"],
        "speed": 1.0,
        "as_recorded": False,
        "once": True,
        "candles": None,
        "fault": ["slow:at=0,seconds=60,delay_seconds=0"],
    }
    running = asyncio.create_task(
        run_fake_exchange((recording(BTC_SPOT),), options, stop.is_set, said.append)
    )
    await eventually(lambda: said)
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/api/v3/exchangeInfo") as answer:
            assert [each["symbol"] for each in (await answer.json())["symbols"]] == ["XRPUSDT"]
        async with session.get(f"{url}/fake/state") as answer:
            assert [each["kind"] for each in (await answer.json())["faults"]] == ["slow"]
    stop.set()
    await asyncio.wait_for(running, PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--recordings", "/nowhere"], "/nowhere"),
        (["--recordings", "{btc}", "--fault", "quake"], "kinds are"),
        (["--recordings", "{btc}", "--candles", "/nowhere"], "/nowhere"),
        (["--recordings", "{btc}", "--speed", "-1"], "-1"),
    ],
)
def test_command_refuses_what_cannot_be_served_by_name(arguments, named):
    given = [each.format(btc=recording(BTC_SPOT)) for each in arguments]
    with pytest.raises(CommandError, match=named):
        call_command("fake_exchange", "--port", str(free_port()), *given)
