"""Books fetched by REST, silent streams checked by it, and the exchange's clock."""

import asyncio
from collections import Counter

import pytest

from market.events import DepthSnapshot, Disconnected
from market.feeds.live import anchoring as anchoring_module
from market.feeds.live import silence as silence_module
from market.feeds.live.anchoring import Anchoring
from market.feeds.live.cells import Cells
from market.feeds.live.clock_offset import ClockOffset
from market.feeds.live.counting import LastMinute
from market.feeds.live.hearing import HeardOver, Hearing
from market.feeds.live.link import LinkError, Stream, Subscription
from market.feeds.live.silence import Silence
from tests.live_links import BTC, ETH, NS, START_NS, Clock, FakeLink, book, diff, ticker, trade
from tests.waiting import eventually


class Books:
    """Two symbols that speak, and whoever asks for their books."""

    def __init__(self) -> None:
        self.link = FakeLink(Clock())
        self.counters: Counter[str] = Counter()
        self.cells = Cells(START_NS, (BTC, ETH), self.counters)
        self.hearing = Hearing((BTC, ETH), self.cells, self.counters, Counter(), sequenced=True)
        self.hearing.speak((BTC, ETH), START_NS)
        self.anchoring = Anchoring(self.link, self.hearing)
        self.link.books = {symbol: book(7, START_NS, symbol) for symbol in (BTC, ETH)}

    async def want(self, *symbols: str) -> None:
        for symbol in symbols:
            self.anchoring.want(symbol)
        self.anchoring.look()
        await self.quiet()

    async def quiet(self) -> None:
        await eventually(lambda: not self.anchoring._tasks)

    def told(self):
        self.cells.pass_to(self.cells.until_ns + 1)
        self.cells.close()
        return [event for batch in self.cells.batches() for event in batch.events]


@pytest.fixture
def books() -> Books:
    return Books()


async def test_wanted_book_is_asked_for_once_and_told_as_an_event(books):
    await books.want(BTC, BTC, ETH)
    await books.want(BTC)  # within the cool-down
    assert sorted(books.link.asked) == [BTC, ETH]
    assert sorted(event.symbol for event in books.told()) == [BTC, ETH]


async def test_book_of_a_silent_or_unknown_symbol_is_not_asked_for(books):
    books.hearing.silence((BTC,), START_NS)
    await books.want(BTC, "XRPUSDT")
    assert books.link.asked == []


async def test_whole_books_are_never_asked_for(books):
    books.link.whole_books = True
    await books.want(BTC)
    assert books.link.asked == []


async def test_answer_to_a_question_of_before_a_break_is_dropped(books):
    books.anchoring.want(BTC)
    books.anchoring.look()
    books.hearing.silence((BTC,), START_NS)
    books.hearing.speak((BTC,), START_NS)
    await books.quiet()
    assert [type(event) for event in books.told()] == [Disconnected]


async def test_exchange_that_answers_nobody_is_asked_for_one_symbol_alone(books, monkeypatch):
    monkeypatch.setattr(anchoring_module, "LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(anchoring_module, "FIRST_PAUSE_SECONDS", 0.01)
    books.link.refusing = LinkError("503")
    await books.want(BTC)
    await asyncio.sleep(0.03)
    asked = len(books.link.asked)
    await books.want(BTC, ETH)
    assert len(books.link.asked) == asked + 1
    books.link.refusing = None
    await asyncio.sleep(0.03)
    await books.want(BTC, ETH)
    await books.want(BTC, ETH)
    assert {event.symbol for event in books.told()} == {BTC, ETH}
    assert books.counters["books_refused"] == 2


async def test_exchange_that_asks_for_silence_is_asked_nothing(books):
    books.link.refusing = LinkError("418", wait_seconds=60.0)
    await books.want(BTC)
    await books.want(BTC, ETH)
    assert len(books.link.asked) == 1
    assert books.anchoring.left_alone


async def test_symbol_that_breaks_again_and_again_cools_down_for_longer(books, monkeypatch):
    monkeypatch.setattr(anchoring_module, "COOL_DOWN_SECONDS", 0.0)
    for _ in range(anchoring_module.BROKEN_AGAIN + 5):
        await books.want(BTC)
    assert len(books.link.asked) == anchoring_module.BROKEN_AGAIN


async def test_questions_beyond_what_a_minute_allows_are_spread(books, monkeypatch):
    monkeypatch.setattr(anchoring_module, "COOL_DOWN_SECONDS", 0.0)
    monkeypatch.setattr(anchoring_module, "LONG_COOL_DOWN_SECONDS", 0.0)
    for _ in range(anchoring_module.MOST_A_MINUTE + 20):
        await books.want(BTC)
    assert len(books.link.asked) <= anchoring_module.MOST_A_MINUTE + 1


class Line:
    """A carrier as the silence looks at it."""

    name, speaks, up = "market-1", True, True

    def __init__(self, sink: HeardOver) -> None:
        self.symbols = (BTC,)
        self.sink = sink
        self.renewed: list[Subscription] = []
        self.doubts: list[str] = []
        self.fails = False

    @property
    def last_event_ns(self) -> int:
        return self.sink.last_ns

    def give_up(self, reason: str) -> None:
        self.doubts.append(reason)

    async def renew(self, subscriptions) -> None:
        if self.fails:
            raise LinkError("no")
        self.renewed += subscriptions


class Quiet(Books):
    """One symbol that said something at the start, and time that has passed since."""

    def __init__(self) -> None:
        super().__init__()
        self.sink = HeardOver(self.hearing, START_NS)
        self.line = Line(self.sink)
        self.suspicions = 0
        self.silence = Silence(
            self.link,
            self.hearing,
            self.anchoring,
            [self.line],  # type: ignore[list-item]
            self.suspect,
        )
        self.sink.event(diff(1, 7, START_NS), Stream.DEPTH)
        self.sink.event(ticker(7, START_NS), Stream.TOP)

    def suspect(self) -> None:
        self.suspicions += 1

    async def look(self, seconds: float, *, busy: bool = True) -> None:
        now_ns = START_NS + round(seconds * NS)
        if busy:  # others on the connection outlive it
            self.sink.last_ns = now_ns
        self.silence.look(now_ns)
        await eventually(lambda: not self.silence._running)


@pytest.fixture
def quiet(monkeypatch) -> Quiet:
    monkeypatch.setattr(silence_module, "ON_THE_WIRE_SECONDS", 0.0)
    return Quiet()


async def test_quiet_market_is_left_in_peace(quiet):
    await quiet.look(29)
    assert quiet.link.asked == []
    await quiet.look(31)
    await quiet.look(32)
    assert quiet.link.asked == [BTC]
    assert (quiet.line.renewed, quiet.line.doubts) == ([], [])
    assert quiet.suspicions == 1  # of being halted
    await quiet.look(62)
    assert quiet.link.asked == [BTC, BTC]


@pytest.mark.parametrize(("last_id", "told"), [(12, DepthSnapshot), (3, Disconnected)])
async def test_depth_that_moved_on_unheard_is_subscribed_to_anew_and_anchored(quiet, last_id, told):
    quiet.link.books[BTC] = book(last_id, START_NS)  # 3: numbered anew
    await quiet.look(31)
    assert quiet.line.renewed == [Subscription(BTC, Stream.DEPTH)]
    assert quiet.suspicions == 0
    assert type(quiet.told()[-1]) is told
    assert quiet.counters["resubscribed"] == 1


async def test_top_that_is_elsewhere_is_subscribed_to_anew(quiet, monkeypatch):
    monkeypatch.setattr("market.feeds.live.cells.MOST_CELLS", 10_000)  # nobody takes them
    for seconds in (40, 80):  # or time would be skipped
        quiet.cells.pass_to(START_NS + seconds * NS)
    quiet.sink.event(diff(8, 9, START_NS + 110 * NS), Stream.DEPTH)
    told = [(98, 5)], [(102, 5)]
    quiet.link.books[BTC] = DepthSnapshot(BTC, START_NS, None, 9, *told)
    await quiet.look(119)
    assert quiet.link.asked == []
    await quiet.look(121)
    assert quiet.line.renewed == [Subscription(BTC, Stream.TOP)]
    assert Disconnected not in [type(event) for event in quiet.told()]


async def test_diff_that_came_while_the_exchange_was_asked_is_proof(quiet, monkeypatch):
    monkeypatch.setattr(silence_module, "ON_THE_WIRE_SECONDS", 0.02)
    quiet.link.books[BTC] = book(12, START_NS)
    quiet.silence.look(START_NS + 31 * NS)
    asyncio.get_running_loop().call_later(
        0.005, quiet.sink.event, diff(8, 12, START_NS + 31 * NS), Stream.DEPTH
    )
    quiet.sink.last_ns = START_NS + 31 * NS
    await eventually(lambda: not quiet.silence._running)
    assert quiet.line.renewed == []


async def test_stream_that_cannot_be_renewed_costs_the_connection(quiet):
    quiet.line.fails = True
    quiet.link.books[BTC] = book(12, START_NS)
    await quiet.look(31)
    assert len(quiet.line.doubts) == 1


@pytest.mark.parametrize(("last_id", "doubts"), [(7, 0), (12, 1)])
async def test_connection_that_tells_nothing_is_made_anew_if_the_market_moved(
    quiet, last_id, doubts
):
    quiet.link.books[BTC] = book(last_id, START_NS)
    await quiet.look(4, busy=False)
    assert quiet.link.asked == []
    await quiet.look(6, busy=False)
    assert len(quiet.line.doubts) == doubts
    assert quiet.line.renewed == []


async def test_silence_is_not_checked_where_the_exchange_asked_for_it(quiet):
    quiet.anchoring.leave_alone(60)
    await quiet.look(31)
    quiet.link.refusing = LinkError("no")
    assert quiet.link.asked == []


async def test_clock_offset_believes_the_quickest_answer(monkeypatch):
    monkeypatch.setattr("market.feeds.live.clock_offset.BETWEEN_SECONDS", 0.0)
    link = FakeLink(Clock())
    trips_ms = iter((80, 4, 60, 90, 30))

    async def server_time_ms() -> float:
        asked_ms = link.clock.ns / 1e6
        trip_ms = next(trips_ms)
        link.clock.ns += trip_ms * 1_000_000
        told_ms = asked_ms + trip_ms * (0.5 if trip_ms == 4 else 0.9) - 7_000.5
        return float(told_ms)

    monkeypatch.setattr(link, "server_time_ms", server_time_ms)
    offset = ClockOffset(link, link.clock)
    await offset.measure()
    assert offset.offset_ms == pytest.approx(-7_000, abs=0.01)
    assert offset.uncertainty_ms == pytest.approx(2.5)


async def test_clock_offset_is_unknown_until_told_and_kept_where_nobody_answers(monkeypatch):
    monkeypatch.setattr("market.feeds.live.clock_offset.BETWEEN_SECONDS", 0.0)
    link = FakeLink(Clock())
    offset = ClockOffset(link, link.clock)
    await offset.measure()
    assert (offset.offset_ms, offset.uncertainty_ms) == (None, None)
    link.server_times = [START_NS / 1e6]
    await offset.measure()
    assert offset.offset_ms == pytest.approx(0.5)


def test_last_minute_tells_what_grew_in_it():
    minute = LastMinute()
    assert minute.grown({"gaps": 3, "frames": 0}) == {"gaps": 3}
    for _ in range(59):
        minute.grown({"gaps": 3, "frames": 10})
    assert minute.grown({"gaps": 3, "frames": 12}) == {"frames": 12}
    assert minute.grown({"gaps": 4, "frames": 12}) == {"gaps": 1, "frames": 2}


async def test_trade_that_a_candle_tells_of_and_that_never_comes_renews_the_stream(quiet):
    for seconds, trade_id in ((1, 40), (2, 40), (3, 41), (4, 42)):  # 40: before it was heard
        quiet.sink.newest_trade(BTC, trade_id, START_NS + seconds * NS)
    await quiet.look(5.9)
    assert quiet.line.renewed == []
    await quiet.look(6.1)
    assert quiet.line.renewed == [Subscription(BTC, Stream.TRADES)]
    assert Disconnected in [type(event) for event in quiet.told()]


async def test_trade_that_comes_after_its_candle_told_of_it_is_no_fault(quiet):
    quiet.sink.event(trade(40, START_NS), Stream.TRADES)
    for trade_id in (40, 41):
        quiet.sink.newest_trade(BTC, trade_id, START_NS + NS)
    quiet.sink.event(trade(41, START_NS + 2 * NS), Stream.TRADES)
    quiet.sink.newest_trade("XRPUSDT", 41, START_NS)
    quiet.sink.newest_trade(BTC, -1, START_NS)
    await quiet.look(20)
    assert quiet.line.renewed == []


async def test_symbol_whose_stream_stays_dead_is_silent_until_it_speaks(quiet):
    for seconds, trade_id in ((1, 40), (2, 41), (6, 42), (7, 43)):
        quiet.sink.newest_trade(BTC, trade_id, START_NS + seconds * NS)
        await quiet.look(seconds + 3.1)
        quiet.cells.pass_to(START_NS + round((seconds + 3.1) * NS))
    heard = quiet.hearing.symbols[BTC]
    assert (heard.speaks, len(quiet.line.renewed)) == (False, 2)
    quiet.sink.event(ticker(50, quiet.cells.last_ns), Stream.TOP)
    assert not heard.speaks
    quiet.sink.event(trade(44, quiet.cells.last_ns), Stream.TRADES)
    assert heard.speaks
    kinds = [type(event).__name__ for event in quiet.told()]
    assert kinds[-3:] == ["Disconnected", "Disconnected", "Trade"]
